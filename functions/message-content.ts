import { app, type HttpRequest, type InvocationContext } from "@azure/functions";
import { downloadHeaders } from "../shared/web/layout.ts";
import { withHttpApp } from "./http.ts";

/** The message as Graph gives it, for download: never shown, never guessed at, never kept. */
app.http("message-content", {
  methods: ["GET"],
  authLevel: "function",
  route: "mailboxes/{id}/messages/{key}/content",
  handler: (request: HttpRequest, context: InvocationContext) =>
    withHttpApp(request, context, async ({ messages }) => {
      const { id = "", key = "" } = request.params;
      const mail = await messages.content(id, key);
      return { status: 200, headers: downloadHeaders(mail.fileName), body: mail.body };
    }),
});
