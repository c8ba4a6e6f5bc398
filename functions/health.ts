import { app, type InvocationContext } from "@azure/functions";
import { healthOf } from "../shared/health/app-status.ts";
import { errorFields } from "../shared/telemetry/log.ts";
import { jsonAnswer } from "../shared/web/json-answer.ts";
import { faultySettings, toResponse } from "./http.ts";
import { withApp } from "./invocation.ts";

/**
 * For a probe from outside: 200 while the configuration is whole, storage answers, the timer runs and Entra accepts the
 * application; 503 otherwise. It tells anybody which of them it is, and nothing about mailboxes or values of settings.
 */
app.http("health", {
  methods: ["GET"],
  authLevel: "anonymous",
  handler: async (_request, context: InvocationContext) => {
    try {
      const { isWell, ...jsonBody } = await withApp(context, async ({ registry }) => {
        const [lastTick, alarm] = await Promise.all([registry.lastTick(), registry.alarm()]);
        return healthOf({ lastTick, alarm, now: new Date() });
      });
      return toResponse(jsonAnswer(isWell ? 200 : 503, jsonBody));
    } catch (error) {
      const settings = faultySettings(error);
      const status = settings === undefined ? "storage does not answer" : "configuration";
      return toResponse(jsonAnswer(503, { status, settings, code: errorFields(error).code }));
    }
  },
});
