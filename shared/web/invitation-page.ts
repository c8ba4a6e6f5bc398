import { html } from "hono/html";
import type { StoredMailbox } from "../mailboxes/mailbox.ts";
import type { InvitationState } from "../tokens/invitations-table.ts";
import { formToken, type HtmlAnswer, htmlAnswer, type PageContext } from "./layout.ts";
import { moment } from "./times.ts";

/** What the owner of a mailbox sees who follows the link. Nothing happens until the button is pressed. */
export function invitationPage(mailbox: StoredMailbox, acceptUrl: string, context: PageContext): Promise<HtmlAnswer> {
  const { address, desk, access, acknowledge } = mailbox;
  const writes = acknowledge.kind !== "nothing";
  const asked =
    access === "application"
      ? html`<p>Microsoft asks an administrator of your organisation to grant Deskpost access to mailboxes; sign in there as one.</p>`
      : html`<p>Microsoft asks you to sign in as ${address}, or as an account that may open that mailbox, and to allow Deskpost to</p>
<ul><li>sign you in and see your name,</li><li>read${writes ? ", mark and move" : ""} mail that you can read${writes ? "" : "; it cannot change any"},</li><li>do so lastingly, without you having to sign in again.</li></ul>
<p>It cannot send mail, and it never sees your password.</p>`;
  const body = html`<section class="card"><h2>${address}</h2>
<p>You are asked to connect this mailbox to the help desk “${desk}”. From then on, new mail in its folder ${mailbox.folder} is handed to the desk as tickets.</p>
${asked}
<p>You can take the permission back at any time at <a href="https://myapplications.microsoft.com">myapplications.microsoft.com</a>.</p>
<div class="actions"><a class="button main" href="${acceptUrl}" rel="nofollow">Continue to Microsoft</a></div></section>`;
  return htmlAnswer(200, context, { title: "Connect a mailbox", body });
}

/** For a link that is good for nothing any more. */
export function invitationOverPage(
  kind: Exclude<InvitationState["kind"], "open">,
  context: PageContext,
): Promise<HtmlAnswer> {
  const words = {
    used: "This link has been used: a mailbox was connected by it. Each link counts once. Nothing is left to do.",
    expired: "This link was good for seven days, which are over. Ask whoever sent it for a new one.",
    withdrawn: "The mailbox that this link was for has been removed from the list. Ask whoever sent it.",
    unknown: "There is no such invitation. The link may be cut off: open it from the message that it came in.",
  };
  const body = html`<section class="card" role="alert"><p>${words[kind]}</p></section>`;
  return htmlAnswer(kind === "unknown" ? 404 : 410, context, { title: "Nothing to connect", body });
}

/** The form that makes an invitation. */
export function invitePage({ id, address, status, access }: StoredMailbox, context: PageContext): Promise<HtmlAnswer> {
  const { urls, session } = context;
  const guest = guestOf({ address, access });
  const body = html`<form class="wide card" method="post" action="${urls.mailbox(id, "invite")}">${formToken(session)}
<p>A link for ${guest}, who needs no rights in Deskpost. It is good for one connection, within seven days.</p>
${
  status === "new" || access === "application"
    ? ""
    : html`<label class="choice"><input type="checkbox" name="account" value="any"> It may be another account than the one before</label>`
}
<div class="actions"><button class="main">Make a link</button> <a class="button" href="${urls.mailboxes}">Cancel</a></div></form>`;
  return htmlAnswer(200, context, {
    title: access === "application" ? "Invite an administrator" : "Invite the owner",
    body,
  });
}

/** Who is to connect the mailbox. */
function guestOf({ address, access }: Pick<StoredMailbox, "address" | "access">): string {
  return access === "application"
    ? `an administrator of the organisation of ${address}`
    : `the owner of ${address}, or somebody who may open it`;
}

/** Shows the link, once: it is stored nowhere. */
export function invitedPage(
  mailbox: StoredMailbox,
  { url, endsAt }: { readonly url: string; readonly endsAt: Date },
  context: PageContext,
): Promise<HtmlAnswer> {
  const body = html`<section class="card"><h2 class="good">Send this link to ${guestOf(mailbox)}</h2>
<p><code>${url}</code></p>
<p>It is good for one connection, until ${moment(endsAt)}, and is shown only here and now.</p>
<div class="actions"><a class="button main" href="${context.urls.mailboxes}">To the list of mailboxes</a></div></section>`;
  return htmlAnswer(200, context, { title: "Invitation", body });
}
