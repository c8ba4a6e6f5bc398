import { html } from "hono/html";
import { MESSAGE_STATES } from "../mail/ledger/ledger.ts";
import type { Audit } from "../mail/operator/audit.ts";
import type { StoredMailbox } from "../mailboxes/mailbox.ts";
import { type Html, type HtmlAnswer, htmlAnswer, type PageContext } from "./layout.ts";
import { STATE_WORDS } from "./state-words.ts";
import { moment } from "./times.ts";

export interface AuditPage {
  readonly mailbox: StoredMailbox;
  /** The days of the form, YYYY-MM-DD. */
  readonly from: string;
  readonly until: string;
  readonly audit: Audit | undefined;
}

/** The form for a period, and what became of its mail. */
export function auditPage({ mailbox, from, until, audit }: AuditPage, context: PageContext): Promise<HtmlAnswer> {
  const { urls } = context;
  const body = html`<form class="wide card" method="get" action="${urls.mailbox(mailbox.id, "account")}">
<p>Compares what the ledger knows of ${mailbox.address} with what lies in its folder ${mailbox.folder}.</p>
<label>From the beginning of <small>A day in UTC</small><input type="date" name="from" value="${from}" required></label>
<label>To the end of <small>A day in UTC</small><input type="date" name="until" value="${until}" required></label>
<div class="actions"><button class="main">Account for it</button> <a class="button" href="${urls.mailbox(mailbox.id)}">Back</a></div></form>
${audit === undefined ? "" : outcome(audit)}`;
  return htmlAnswer(200, context, { title: `Account of ${mailbox.address}`, body });
}

function outcome({ from, until, received, states, inFolder, difference, complete }: Audit): Html {
  const verdict =
    difference === 0
      ? html`<h2 class="good">All mail is accounted for</h2>`
      : html`<h2 class="bad">${difference} in the folder that nobody accounts for</h2><p>Press “Fetch now”, then look again. If it stays, it is a fault of Deskpost: please report it.</p>`;
  const counts = MESSAGE_STATES.map(
    (state) => html`<div><dt>${STATE_WORDS[state]}</dt><dd>${states[state]}</dd></div>`,
  );
  return html`<section class="card" role="status">${verdict}
<p>Received from ${moment(from)} until ${moment(until)}, as far as the ledger reaches.</p>
${complete ? "" : html`<p class="trouble">The folder is too large to be read to its end in time: choose a shorter period.</p>`}
<dl><div><dt>Received</dt><dd>${received}</dd></div>${counts}<div><dt>In the folder now</dt><dd>${inFolder}</dd></div></dl></section>`;
}
