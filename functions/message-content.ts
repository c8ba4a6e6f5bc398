import { app, type HttpRequest, type InvocationContext } from "@azure/functions";
import { SECURITY_HEADERS } from "../shared/web/layout.ts";
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
      return {
        status: 200,
        headers: {
          ...SECURITY_HEADERS,
          "content-type": "message/rfc822",
          "content-disposition": `attachment; filename="${mail.fileName}"`,
          "content-security-policy": "default-src 'none'; sandbox",
        },
        body: mail.body,
      };
    }),
});
