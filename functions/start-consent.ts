import { app, type HttpRequest, type HttpResponseInit, type InvocationContext } from "@azure/functions";
import { subjectOf } from "../shared/app.ts";
import { MailboxNotFoundError } from "../shared/mailboxes/mailbox.ts";
import { withHttpApp } from "./http.ts";

/** Sends the browser to Microsoft's consent page for a mailbox. */
app.http("start-consent", {
  methods: ["GET"],
  authLevel: "function",
  handler: (request: HttpRequest, context: InvocationContext) =>
    withHttpApp(request, context, async ({ registry, consents }): Promise<HttpResponseInit> => {
      const id = request.query.get("mailbox") ?? "";
      const mailbox = await registry.get(id);
      if (mailbox === undefined) throw new MailboxNotFoundError(id);
      const { location, cookie } = await consents.start(subjectOf(mailbox), request.query.get("account") === "any");
      return {
        status: 302,
        headers: { location: location.href, "cache-control": "no-store", "referrer-policy": "no-referrer" },
        // Microsoft's answer is a form posted from another site, so the cookie must be SameSite=None, and thereby Secure.
        cookies: [
          {
            name: cookie.name,
            value: cookie.value,
            maxAge: cookie.maxAgeSeconds,
            path: "/",
            secure: true,
            httpOnly: true,
            sameSite: "None",
          },
        ],
      };
    }),
});
