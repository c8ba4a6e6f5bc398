import { app, type HttpRequest, type InvocationContext } from "@azure/functions";
import { existingMailbox } from "../shared/mailboxes/mailbox.ts";
import { consentPage } from "../shared/web/consent-page.ts";
import { consentRedirect } from "../shared/web/consent-redirect.ts";
import { consentSubject } from "../shared/web/consent-subject.ts";
import { invitationOverPage, invitationPage } from "../shared/web/invitation-page.ts";
import { settleConsent } from "../shared/web/settle-consent.ts";
import { cookieOf, formOf, withGuestApp, withHttpApp } from "./http.ts";

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

/**
 * Takes Microsoft's answer. Anonymous, because the function key's parameter is called `code` as well; the one-time
 * state, its cookie, PKCE and the nonce guard it.
 */
app.http("finish-consent", {
  methods: ["GET", "POST"],
  authLevel: "anonymous",
  handler: (request: HttpRequest, context: InvocationContext) =>
    withGuestApp(request, context, async (deskpost) => {
      const { registry, consents, urls } = deskpost;
      const parameters = request.method === "POST" ? await formOf(request) : new URLSearchParams(request.query);
      const finished = await consents.finish({ parameters, cookie: (name) => cookieOf(request, name) });
      const result = await settleConsent(deskpost, finished);
      const id = result.kind === "approval-ended" ? undefined : result.mailboxId;
      const mailbox = id === undefined ? undefined : await registry.get(id);
      return consentPage(result, mailbox?.address, urls);
    }),
});

/**
 * The link for the owner of a mailbox. Anonymous: whoever has it may try to connect this one mailbox, which takes an
 * account at Microsoft that opens it. Looking at it uses nothing up, because mail filters look, too.
 */
app.http("invitation", {
  methods: ["GET"],
  authLevel: "anonymous",
  route: "invitation/{action?}",
  handler: (request: HttpRequest, context: InvocationContext) =>
    withGuestApp(request, context, async ({ invitations, registry, consents, urls }) => {
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
