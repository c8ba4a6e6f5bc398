import { html } from "hono/html";
import type { StoredMailbox } from "../mailboxes/mailbox.ts";
import { buttonForm, type HtmlAnswer, htmlAnswer, type PageContext } from "./layout.ts";

/** Asks before a mailbox is removed. */
export function removeMailboxPage(mailbox: StoredMailbox, context: PageContext): Promise<HtmlAnswer> {
  const { urls, session } = context;
  const action = urls.mailbox(mailbox.id, "remove");
  const body = html`<section class="card"><h2>${mailbox.address}, folder ${mailbox.folder}</h2>
<p>Deskpost forgets the mailbox and its tokens, and fetches nothing more. Tickets at the desk stay. The record of what was delivered stays too, so that adding the mailbox again delivers nothing twice. Open invitations to its owner end.</p>
<p>Microsoft keeps the consent itself until it is taken back at <a href="https://myapplications.microsoft.com">myapplications.microsoft.com</a> or by an administrator.</p>
<div class="actions">${buttonForm(session, { action, label: "Remove the mailbox" })}
<a class="button main" href="${urls.mailboxes}">Keep it</a></div></section>`;
  return htmlAnswer(200, context, { title: "Remove a mailbox", body });
}
