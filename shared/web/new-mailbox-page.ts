import { html } from "hono/html";
import type { CheckStep, Evidence } from "../health/checks/run-checks.ts";
import { formToken, type Html, type HtmlAnswer, htmlAnswer, type PageContext } from "./layout.ts";

/** The form as it was filled in, and what came of it. */
export interface FilledForm {
  readonly entered: Readonly<Record<string, string>>;
  /** What is wrong with the entries themselves. */
  readonly fault?: string;
  readonly checks?: readonly CheckStep[];
}

/** The form for a mailbox. It checks before it adds, and adds all the same for whoever knows better. */
export function newMailboxPage(
  deskNames: readonly string[],
  context: PageContext,
  { entered, fault, checks = [] }: FilledForm = { entered: {} },
): Promise<HtmlAnswer> {
  const { urls, session } = context;
  const failed = checks.some(({ result }) => result === "failed");
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

const RESULTS: Readonly<Record<CheckStep["result"], { readonly tone: string; readonly word: string }>> = {
  ok: { tone: "good", word: "well" },
  failed: { tone: "bad", word: "to be put right" },
  warning: { tone: "warn", word: "to be seen" },
  skipped: { tone: "warn", word: "to be seen" },
};

/** Each check as people know it, and what it found in a sentence. */
const WORDS: Readonly<Record<string, { readonly title: string; readonly found: (evidence: Evidence) => string }>> = {
  organisation: {
    title: "Microsoft knows the organisation",
    found: ({ asked, tenantId }) => (tenantId === undefined ? "" : `${asked} is the tenant ${tenantId}.`),
  },
  redirect: {
    title: "The redirect URL is registered",
    found: ({ entraCode, redirectUrl = "" }) => `${entraCode === undefined ? "" : `${entraCode} for `}${redirectUrl}`,
  },
  permissions: {
    title: "Permissions",
    found: ({ kind, scopes }) =>
      kind === "owner"
        ? `Microsoft will ask the owner for ${scopes}.`
        : "Microsoft will ask an administrator for what the registration lists as application permissions.",
  },
  desk: {
    title: "The desk answers",
    found: ({ desk, host, status, fault }) => {
      if (host === undefined) return desk === undefined ? "" : `There is no desk "${desk}".`;
      return status === undefined ? `${host}: ${fault}` : `${host} answers with HTTP ${status}.`;
    },
  },
};

function checkList(checks: readonly CheckStep[]): Html {
  const items = checks.map(({ name, result, evidence, remedy }) => {
    const { title, found } = WORDS[name] ?? { title: name, found: () => "" };
    const words = result === "skipped" ? "" : found(evidence);
    return html`<li><span class="state ${RESULTS[result].tone}">${title}: ${RESULTS[result].word}</span><br>${words} ${remedy}</li>`;
  });
  return html`<section class="card" role="status"><h2>What was tried</h2><ul class="check">${items}</ul></section>`;
}
