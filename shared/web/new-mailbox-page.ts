import { html } from "hono/html";
import type { Check } from "../health/checks/new-mailbox-checks.ts";
import { formToken, type Html, type HtmlAnswer, htmlAnswer, type PageContext } from "./layout.ts";

/** The form as it was filled in, and what came of it. */
export interface FilledForm {
  readonly entered: Readonly<Record<string, string>>;
  /** What is wrong with the entries themselves. */
  readonly fault?: string;
  readonly checks?: readonly Check[];
}

/** The form for a mailbox. It checks before it adds, and adds all the same for whoever knows better. */
export function newMailboxPage(
  deskNames: readonly string[],
  context: PageContext,
  { entered, fault, checks = [] }: FilledForm = { entered: {} },
): Promise<HtmlAnswer> {
  const { urls, session } = context;
  const failed = checks.some(({ result }) => result === "bad");
  const selected = (name: string, value: string) => (entered[name] === value ? "selected" : "");
  const body = html`
${fault === undefined ? "" : html`<p class="trouble" role="alert">${fault}</p>`}
${checks.length === 0 ? "" : checkList(checks)}
<form class="wide card" method="post" action="${urls.mailboxes}">${formToken(session)}
<label>Address of the mailbox<input name="address" type="email" required autocomplete="off" value="${entered.address ?? ""}" placeholder="help@example.com"></label>
<label>Folder <small>A well-known name such as inbox, or the name or id of a folder at the top or in the inbox</small><input name="folder" value="${entered.folder ?? "inbox"}" required></label>
<label>Desk<select name="desk">${deskNames.map((name) => html`<option ${selected("desk", name)}>${name}</option>`)}</select></label>
<label>Access <small>For a shared mailbox, or where owners must not sign in: the administrator's grant</small><select name="access">
<option value="owner">the mailbox's owner signs in</option>
<option value="application" ${selected("access", "application")}>an administrator grants it to Deskpost itself</option>
</select></label>
<fieldset><legend>Which mail</legend>
<label class="choice"><input type="radio" name="from" value="now" ${entered.from === "date" ? "" : "checked"}> from now on: what arrives after the mailbox is connected</label>
<label class="choice"><input type="radio" name="from" value="date" ${entered.from === "date" ? "checked" : ""}> received since this day:</label>
<label>Day <small>In UTC; mail in the mailbox since then becomes tickets, too</small><input name="since" type="date" value="${entered.since ?? ""}"></label>
</fieldset>
<label>After delivery<select name="acknowledge">
<option value="nothing">leave the message as it is</option>
<option value="mark-read" ${selected("acknowledge", "mark-read")}>mark it as read</option>
<option value="move" ${selected("acknowledge", "move")}>move it to a folder</option>
</select></label>
<label>That folder <small>Only for moving: a well-known name such as archive, or a folder id</small><input name="moveTo" value="${entered.moveTo ?? ""}"></label>
<div class="actions"><button class="main" name="do" value="add">${failed ? "Check again, and add" : "Check and add"}</button>
<button name="do" value="check">Only check</button>
${failed ? html`<button name="do" value="add-anyway">Add it all the same</button>` : ""}
<a class="button" href="${urls.mailboxes}">Cancel</a></div>
</form>`;
  return htmlAnswer(fault === undefined && !failed ? 200 : 400, context, { title: "Add a mailbox", body });
}

const TONES = {
  good: { tone: "good", word: "well" },
  bad: { tone: "bad", word: "to be put right" },
  unknown: { tone: "warn", word: "to be seen" },
};

function checkList(checks: readonly Check[]): Html {
  const items = checks.map(
    ({ name, result, evidence, remedy }) =>
      html`<li><span class="state ${TONES[result].tone}">${name}: ${TONES[result].word}</span><br>${evidence} ${remedy}</li>`,
  );
  return html`<section class="card" role="status"><h2>What was tried</h2><ul class="check">${items}</ul></section>`;
}
