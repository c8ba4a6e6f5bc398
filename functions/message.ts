import { app, type HttpRequest, type InvocationContext } from "@azure/functions";
import { jsonAnswer, withHttpApp } from "./http.ts";
import { messageJson } from "./json.ts";

/** What the ledger knows of one message. */
app.http("message", {
  methods: ["GET"],
  authLevel: "function",
  route: "mailboxes/{id}/messages/{key}",
  handler: (request: HttpRequest, context: InvocationContext) =>
    withHttpApp(request, context, async ({ messages }) => {
      const { id = "", key = "" } = request.params;
      return jsonAnswer(200, messageJson(await messages.entry(id, key)));
    }),
});
