import { html } from "hono/html";
import type { StoredEntry } from "../mail/ledger/ledger.ts";
import type { StoredMailbox } from "../mailboxes/mailbox.ts";
import { buttonForm, formToken, type Html, type HtmlAnswer, htmlAnswer, type PageContext } from "./layout.ts";
import type { MailPreview } from "./mail-preview.ts";
import { STATE_WORDS } from "./state-words.ts";
import { moment } from "./times.ts";

/** Shown at once. */
export const QUARANTINE_SHOWN = 100;
export const REFUSED_SHOWN = 100;

/** What could not be delivered, and why. Nothing of the mail itself: the ledger holds none of it. */
export function quarantinePage(
  mailbox: StoredMailbox,
  entries: readonly StoredEntry[],
  context: PageContext,
): Promise<HtmlAnswer> {
  const { urls, session } = context;
  const all = entries.length === 0 ? "" : replayAll(mailbox, entries.length, context);
  const body = html`<p>Mail that could not be delivered to the desk “${mailbox.desk}”. It stays here, and in the mailbox, until somebody decides.</p>
${entries.length === 0 ? html`<section class="card"><h2 class="good">Nothing is in quarantine</h2></section>` : messageCards(mailbox, entries, context)}
<div class="actions">${all} <a class="button" href="${urls.mailbox(mailbox.id)}">Back to ${mailbox.address}</a></div>`;
  return htmlAnswer(200, { urls, links: context.links, session }, { title: "Quarantine", body });
}

/** What the desk will not have, and its reason. Whoever has changed the desk's mind may offer it again. */
export function refusedPage(
  mailbox: StoredMailbox,
  entries: readonly StoredEntry[],
  context: PageContext,
): Promise<HtmlAnswer> {
  const more = entries.length < REFUSED_SHOWN ? "" : html`<p><small>${REFUSED_SHOWN} are shown.</small></p>`;
  const body = html`<p>Mail that the desk “${mailbox.desk}” will not have, with its reason. Nothing has to be done about it; it stays in the mailbox. What is looked at here can be offered again.</p>
${entries.length === 0 ? html`<section class="card"><h2 class="good">The desk has refused nothing of late</h2></section>` : messageCards(mailbox, entries, context)}${more}
<div class="actions"><a class="button" href="${context.urls.mailbox(mailbox.id)}">Back to ${mailbox.address}</a></div>`;
  return htmlAnswer(200, context, { title: "Refused by the desk", body });
}

function messageCards({ id }: StoredMailbox, entries: readonly StoredEntry[], { urls }: PageContext): Html[] {
  return entries.map((entry) => {
    const url = urls.message(id, entry.key);
    return html`<section class="card"><div class="top"><h2><a href="${url}">Received ${moment(entry.receivedAt)}</a></h2><small>${tries(entry)}</small></div>
<p class="trouble warn-line">${entry.answer}</p>
<p class="actions"><a class="button" href="${url}" aria-label="Look at it: received ${moment(entry.receivedAt)}">Look at it</a></p></section>`;
  });
}

function replayAll({ id }: StoredMailbox, count: number, { urls, session }: PageContext): Html {
  const label = count < QUARANTINE_SHOWN ? `Replay all ${count}` : "Replay all, also those not shown";
  return buttonForm(session, { action: urls.mailbox(id, "quarantine/replay"), label, main: true });
}

export interface MessagePage {
  readonly mailbox: StoredMailbox;
  readonly entry: StoredEntry;
  /** What can be shown of it, or why nothing can. */
  readonly preview: MailPreview | { readonly fault: string };
}

/** One message: why it is here, what it says, and what can be done. */
export function messagePage({ mailbox, entry, preview }: MessagePage, context: PageContext): Promise<HtmlAnswer> {
  const { urls, session } = context;
  const { key, state, answer } = entry;
  const at = (action: string) => urls.message(mailbox.id, key, action);
  const canReplay = state !== "pending" && state !== "delivered";
  const body = html`<section class="card" aria-labelledby="why"><h2 id="why">${STATE_WORDS[state]}; ${tries(entry)}</h2>
${answer === "" ? "" : html`<p class="trouble warn-line">${answer}</p>`}
<p><small>Received ${moment(entry.receivedAt)} by ${mailbox.address}</small></p>
<div class="actions">${canReplay ? buttonForm(session, { action: at("replay"), label: "Replay it", main: true }) : ""} <a class="button" href="${at("content")}">Download as .eml</a> <a class="button" href="${urls.mailbox(mailbox.id, "quarantine")}">Back to the quarantine</a></div></section>
${"fault" in preview ? html`<section class="card" role="alert"><p>${preview.fault}</p></section>` : content(preview)}
${
  state === "quarantined"
    ? html`<form class="wide card" method="post" action="${at("discard")}">${formToken(session)}
<label>Give it up <small>Why? The note stays with the message. The mail itself stays in the mailbox.</small><input name="note" required maxlength="300"></label>
<div class="actions"><button>Give it up for good</button></div></form>`
    : ""
}`;
  return htmlAnswer(200, context, { title: "A message", body });
}

function content({ headers, text, attachments, cut }: MailPreview): Html {
  const lines = headers.map(({ name, value }) => html`<div><dt>${name}</dt><dd><bdi>${value}</bdi></dd></div>`);
  return html`<section class="card" aria-labelledby="mail"><h2 id="mail">What it says</h2>
<p><small>Words alone: nothing is loaded or run.${cut ? " The mail is longer than what is shown." : ""}</small></p>
${text === undefined ? html`<p>It has no plain text that could be shown.</p>` : html`<pre dir="auto" tabindex="0" role="region" aria-label="Text of the mail">${text}</pre>`}
${attachments.length === 0 ? "" : html`<p>Attached: ${attachments.map((name) => html`<bdi>${name}</bdi> `)}</p>`}
<details><summary>All headers</summary><dl class="headers">${lines}</dl></details></section>`;
}

function tries({ attempts }: StoredEntry): string {
  return attempts === 1 ? "tried once" : `tried ${attempts} times`;
}
