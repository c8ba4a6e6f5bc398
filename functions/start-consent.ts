import { app, type HttpRequest, type InvocationContext } from "@azure/functions";
import { existingMailbox } from "../shared/mailboxes/mailbox.ts";
import { consentRedirect } from "../shared/web/consent-redirect.ts";
import { consentSubject } from "../shared/web/consent-subject.ts";
import { withHttpApp } from "./http.ts";

/** For programs: where a browser has to go to connect a mailbox. People come by the pages or by an invitation. */
app.http("start-consent", {
  methods: ["GET"],
  authLevel: "function",
  handler: (request: HttpRequest, context: InvocationContext) =>
    withHttpApp(request, context, async ({ registry, consents }) => {
      const mailbox = await existingMailbox(registry, request.query.get("mailbox") ?? "");
      return consentRedirect(await consents.start(consentSubject(mailbox), request.query.get("account") === "any"));
    }),
});
