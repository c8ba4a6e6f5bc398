import { app, type HttpRequest, type InvocationContext } from "@azure/functions";
import { existingMessage } from "../shared/mail/ledger/ledger.ts";
import { existingMailbox } from "../shared/mailboxes/mailbox.ts";
import { fetchesQueue, mailboxFetch } from "./fetches-queue.ts";
import { jsonAnswer, withHttpApp } from "./http.ts";
import { messageJson } from "./json.ts";

/** Offers a message to the desk again, at once. */
app.http("replay-message", {
  methods: ["POST"],
  authLevel: "function",
  route: "mailboxes/{id}/messages/{key}/replay",
  extraOutputs: [fetchesQueue],
  handler: (request: HttpRequest, context: InvocationContext) =>
    withHttpApp(request, context, async ({ registry, ledger, quarantine }) => {
      const { key = "" } = request.params;
      const { id } = await existingMailbox(registry, request.params.id ?? "");
      await quarantine.replay(id, key);
      context.extraOutputs.set(fetchesQueue, mailboxFetch(id));
      return jsonAnswer(200, messageJson(await existingMessage(ledger, id, key)));
    }),
});
