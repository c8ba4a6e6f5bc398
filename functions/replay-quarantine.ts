import { app, type HttpRequest, type InvocationContext } from "@azure/functions";
import { existingMailbox } from "../shared/mailboxes/mailbox.ts";
import { fetchesQueue, mailboxFetch } from "./fetches-queue.ts";
import { jsonAnswer, withHttpApp } from "./http.ts";

/** Offers everything that is quarantined to the desk again, a thousand at a time. */
app.http("replay-quarantine", {
  methods: ["POST"],
  authLevel: "function",
  route: "mailboxes/{id}/replay",
  extraOutputs: [fetchesQueue],
  handler: (request: HttpRequest, context: InvocationContext) =>
    withHttpApp(request, context, async ({ registry, quarantine }) => {
      const { id } = await existingMailbox(registry, request.params.id ?? "");
      const replayed = await quarantine.replayAll(id);
      if (replayed > 0) context.extraOutputs.set(fetchesQueue, mailboxFetch(id));
      return jsonAnswer(200, { replayed });
    }),
});
