import { app, type HttpRequest, type InvocationContext } from "@azure/functions";
import { consentRedirect } from "../shared/web/consent-redirect.ts";
import { consentSubject } from "../shared/web/consent-subject.ts";
import { invitationOverPage, invitationPage } from "../shared/web/invitation-page.ts";
import { withHttpApp } from "./http.ts";

/**
 * The link for the owner of a mailbox. Anonymous: whoever has it may try to connect this one mailbox, which takes an
 * account at Microsoft that opens it. Looking at it uses nothing up, because mail filters look, too.
 */
app.http("invitation", {
  methods: ["GET"],
  authLevel: "anonymous",
  route: "invitation/{action?}",
  handler: (request: HttpRequest, context: InvocationContext) =>
    withHttpApp(request, context, async ({ invitations, registry, consents, urls }) => {
      const page = { urls, links: {}, session: undefined };
      const token = request.query.get("invitation") ?? "";
      const state = await invitations.look(token);
      if (state.kind !== "open") return invitationOverPage(state.kind, page);
      const { mailboxId, anyAccount, key } = state.invitation;
      const mailbox = await registry.get(mailboxId);
      if (mailbox === undefined) return invitationOverPage("withdrawn", page);
      if (request.params.action !== "accept") return invitationPage(mailbox, urls.acceptInvitation(token), page);
      return consentRedirect(await consents.start(consentSubject(mailbox), anyAccount, key));
    }),
});
