import { html } from "hono/html";
import type { CheckReport } from "../health/checks/diagnostics.ts";
import type { CheckStep } from "../health/checks/run-checks.ts";
import type { StoredMailbox } from "../mailboxes/mailbox.ts";
import { formToken, type Html, type HtmlAnswer, htmlAnswer, type PageContext } from "./layout.ts";
import { moment } from "./times.ts";

/** Tests a mailbox from end to end, and shows what each step found. */
export function checkPage(
  mailbox: StoredMailbox,
  report: CheckReport | undefined,
  context: PageContext,
): Promise<HtmlAnswer> {
  const { urls, session } = context;
  const { id, address, desk } = mailbox;
  const body = html`${report === undefined ? "" : outcome(report)}
<form class="wide card" method="post" action="${urls.mailbox(id, "check")}">${formToken(session)}
<p>Step by step, from Deskpost's own settings to the desk “${desk}”. Nothing is changed by it.</p>
<label class="choice"><input type="checkbox" name="test-message" value="yes"> hand a test message to the desk as well: it becomes a ticket</label>
<div class="actions"><button class="main">${report === undefined ? "Test" : "Test again"}</button> <a class="button" href="${urls.mailbox(id)}">Back to ${address}</a></div></form>`;
  return htmlAnswer(200, context, { title: `Test of ${address}`, body });
}

const VERDICTS = {
  ok: { tone: "good", words: "All is well" },
  warning: { tone: "warn", words: "It works, with something to look at" },
  failed: { tone: "bad", words: "Something must be put right" },
};

const RESULTS: Readonly<Record<CheckStep["result"], { readonly tone: string; readonly word: string }>> = {
  ok: { tone: "good", word: "well" },
  warning: { tone: "warn", word: "look at it" },
  failed: { tone: "bad", word: "to be put right" },
  skipped: { tone: "warn", word: "not tried" },
};

function outcome({ result, steps, startedAt, durationMs }: CheckReport): Html {
  const { tone, words } = VERDICTS[result];
  return html`<section class="card" role="status"><h2 class="${tone}">${words}</h2>
<p><small>${moment(startedAt)}, in ${durationMs} ms</small></p>
<ol class="check">${steps.map(step)}</ol></section>`;
}

function step({ name, result, evidence, remedy }: CheckStep): Html {
  const { tone, word } = RESULTS[result];
  const found = Object.entries(evidence)
    .filter(([, value]) => value !== undefined)
    .map(([fact, value]) => `${inWords(fact)}: ${value instanceof Date ? moment(value) : String(value)}`)
    .join("; ");
  return html`<li><span class="state ${tone}">${name}: ${word}</span>${found === "" ? "" : html`<br><small>${found}</small>`}${remedy === undefined ? "" : html`<br>${remedy}`}</li>`;
}

/** refreshTokenSavedAt: refresh token saved at. */
function inWords(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
