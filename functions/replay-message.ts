import { app, type HttpRequest, type InvocationContext } from "@azure/functions";
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
    withHttpApp(request, context, async ({ messages, quarantine }) => {
      const { id = "", key = "" } = request.params;
      const { key: stored } = await messages.entry(id, key);
      await quarantine.replay(id, stored);
      context.extraOutputs.set(fetchesQueue, mailboxFetch(id));
      return jsonAnswer(200, messageJson(await messages.entry(id, key)));
    }),
});
