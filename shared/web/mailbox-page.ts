import { html } from "hono/html";
import type { NotedActivityEvent } from "../activity/activity.ts";
import { inWords } from "../activity/activity-words.ts";
import { codeWords, hasWords } from "../activity/code-words.ts";
import type { MailboxView } from "../health/overview.ts";
import type { StoredMailbox } from "../mailboxes/mailbox.ts";
import { type Html, type HtmlAnswer, htmlAnswer, type PageContext } from "./layout.ts";
import { mailboxActions } from "./mailbox-actions.ts";
import { mailboxState, mailWay } from "./mailbox-state.ts";
import { moment, whenever } from "./times.ts";

export interface MailboxPage {
  readonly view: MailboxView;
  /** The newest first. */
  readonly activity: readonly NotedActivityEvent[];
  readonly now: Date;
}

/** All that is known of one mailbox, and the way to everything that can be done with it. */
export function mailboxPage({ view, activity, now }: MailboxPage, context: PageContext): Promise<HtmlAnswer> {
  const { mailbox, pending, quarantined, token, health } = view;
  const { urls } = context;
  const at = (action: string) => urls.mailbox(mailbox.id, action);
  const body = html`<section class="card" aria-labelledby="state">
<div class="top"><h2 id="state">${mailboxState(health)}</h2></div>
${health.wrong === undefined ? "" : html`<p class="trouble ${health.colour}-line">${health.wrong}</p>`}
${lastError(mailbox, now)}
<p>${mailWay(mailbox)}</p>
<dl>
<div><dt>Last mail to the desk</dt><dd>${whenever(mailbox.lastMailAt, now, "none yet")}</dd></div>
<div><dt>Last fetch that went well</dt><dd>${whenever(mailbox.lastSuccessAt, now, "none yet")}</dd></div>
<div><dt>Delivers mail received since</dt><dd>${mailbox.deliverFrom === undefined ? "its connection" : moment(mailbox.deliverFrom)}</dd></div>
<div><dt>Delivered</dt><dd>${mailbox.delivered}</dd></div>
<div><dt>Refused by the desk</dt><dd>${mailbox.refused === 0 ? 0 : html`<a href="${at("refused")}" aria-label="${mailbox.refused} refused by the desk">${mailbox.refused}</a>`}</dd></div>
<div><dt>Pending</dt><dd>${pending}</dd></div>
<div><dt>In quarantine</dt><dd>${quarantined}</dd></div>
${tokenFacts(view, now)}
</dl>
<div class="actions">${mailboxActions(mailbox, health, context)}</div></section>
<section class="card" aria-labelledby="more"><h2 id="more">Look closer</h2>
<div class="actions"><a class="button" href="${at("quarantine")}">Quarantine</a> <a class="button" href="${at("refused")}">Refused mail</a> <a class="button" href="${at("check")}">Test it from end to end</a> <a class="button" href="${at("account")}">Account for a period</a>${token === undefined ? "" : html` <a class="button" href="${at("import")}">Import older mail</a>`}</div></section>
<section class="card" aria-labelledby="activity"><h2 id="activity">What happened</h2>${eventList(activity)}</section>`;
  return htmlAnswer(200, context, { title: mailbox.address, body });
}

function eventList(activity: readonly NotedActivityEvent[]): Html {
  if (activity.length === 0) return html`<p>Nothing in the last 30 days.</p>`;
  const items = activity.map(
    (one) =>
      html`<li><time datetime="${one.at.toISOString()}">${moment(one.at)}</time><span>${inWords(one)}</span></li>`,
  );
  return html`<ul class="events">${items}</ul>`;
}

function lastError({ lastError: error }: StoredMailbox, now: Date): Html {
  return error === undefined
    ? html``
    : html`<p><strong>${codeWords(error.code)}</strong>${hasWords(error.code) ? ` (${error.code})` : ""}, ${whenever(error.at, now, "")}</p>`;
}

function tokenFacts({ token }: MailboxView, now: Date): Html {
  if (token === undefined) return html``;
  const { refreshToken } = token;
  return html`<div><dt>Connected by</dt><dd>${token.userName}</dd></div>
<div><dt>Access token ends</dt><dd>${whenever(token.goodUntil, now, "")}</dd></div>
<div><dt>It is renewed ahead of that</dt><dd>${token.refreshAt <= now ? "at the next fetch" : whenever(token.refreshAt, now, "")}</dd></div>
${
  refreshToken === undefined
    ? ""
    : html`<div><dt>Refresh token saved</dt><dd>${whenever(refreshToken.savedAt, now, "")}</dd></div>
<div><dt>Without a renewal it would end</dt><dd>${whenever(refreshToken.goodUntil, now, "")}</dd></div>`
}`;
}
