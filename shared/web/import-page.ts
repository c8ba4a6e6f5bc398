import { html } from "hono/html";
import type { ImportPreview } from "../mail/operator/import-mail.ts";
import type { StoredMailbox } from "../mailboxes/mailbox.ts";
import { formToken, type Html, type HtmlAnswer, htmlAnswer, type PageContext } from "./layout.ts";
import { moment } from "./times.ts";

export interface ImportPage {
  readonly mailbox: StoredMailbox;
  /** The day of the form, YYYY-MM-DD. */
  readonly since: string;
  readonly preview: ImportPreview | undefined;
}

/** First the count, then the button that imports. */
export function importPage({ mailbox, since, preview }: ImportPage, context: PageContext): Promise<HtmlAnswer> {
  const { urls } = context;
  const { address, deliverFrom } = mailbox;
  const begin =
    deliverFrom === undefined ? "" : html`<p>${address} delivers what was received since ${moment(deliverFrom)}.</p>`;
  const body = html`<form class="wide card" method="get" action="${urls.mailbox(mailbox.id, "import")}">${begin}
<label>Import what was received since <small>A day in UTC</small><input type="date" name="since" value="${since}" required></label>
<div class="actions"><button${preview === undefined ? html` class="main"` : ""}>Count it first</button> <a class="button" href="${urls.mailbox(mailbox.id)}">Back</a></div></form>
${preview === undefined ? "" : confirmation(mailbox, since, preview, context)}`;
  return htmlAnswer(200, context, { title: `Import older mail of ${address}`, body });
}

function confirmation(
  { id, desk }: StoredMailbox,
  since: string,
  { inFolder, known, forgotten, toDeliver, complete }: ImportPreview,
  { urls, session }: PageContext,
): Html {
  const count = toDeliver === 1 ? "1 mail" : `${toDeliver} mails`;
  return html`<section class="card" role="status"><h2>${complete ? "" : "At least "}${count} would be delivered</h2>
<dl><div><dt>In the folder since then</dt><dd>${inFolder}</dd></div><div><dt>Known already: nothing happens</dt><dd>${known}</dd></div><div><dt>Perhaps delivered long ago: left alone</dt><dd>${forgotten}</dd></div></dl>
<p>They become tickets at the desk “${desk}”, behind whatever is new, and cannot be taken back. Where the desk answers each new ticket by itself, switch that off for the time: it would write to every sender.</p>
<form method="post" action="${urls.mailbox(id, "import")}">${formToken(session)}<input type="hidden" name="since" value="${since}"><button class="main">Import ${count}</button></form></section>`;
}
