import { app, type InvocationContext } from "@azure/functions";
import { ConfigurationError } from "../shared/config.ts";
import { errorFields } from "../shared/telemetry/log.ts";
import { TICK_OVERDUE_MS } from "../shared/web/mailboxes-page.ts";
import { jsonAnswer, toResponse } from "./http.ts";
import { withApp } from "./invocation.ts";

/**
 * For a probe from outside: 200 while the configuration is whole, storage answers and the timer runs; 503 otherwise.
 * It tells anybody which of the three it is, and nothing about mailboxes.
 */
app.http("health", {
  methods: ["GET"],
  authLevel: "anonymous",
  handler: async (_request, context: InvocationContext) => {
    try {
      const lastTick = await withApp(context, ({ registry }) => registry.lastTick());
      const isLate = lastTick === undefined || Date.now() - lastTick.getTime() > TICK_OVERDUE_MS;
      return toResponse(jsonAnswer(isLate ? 503 : 200, { status: isLate ? "no recent tick" : "ok", lastTick }));
    } catch (error) {
      const faults = error instanceof ConfigurationError ? error.faults : undefined;
      const status = faults === undefined ? "storage does not answer" : "configuration";
      return toResponse(jsonAnswer(503, { status, faults, code: errorFields(error).code }));
    }
  },
});
