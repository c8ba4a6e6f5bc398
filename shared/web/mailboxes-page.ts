import { html } from "hono/html";
import { codeWords } from "../activity/code-words.ts";
import type { OpenCircuit } from "../desks/circuit-breaker.ts";
import type { MailboxView, Overview } from "../health/overview.ts";
import { TICK_OVERDUE_MS } from "../health/thresholds.ts";
import { type Html, type HtmlAnswer, htmlAnswer, type PageContext } from "./layout.ts";
import { mailChart } from "./mail-chart.ts";
import { mailboxActions } from "./mailbox-actions.ts";
import { mailboxState, mailWay } from "./mailbox-state.ts";
import { moment, whenever } from "./times.ts";

const REFRESH_SECONDS = 10;

/**
 * The page of all mailboxes: what each one does, what is wrong, and the button that is its remedy.
 * @param renewsItself only where somebody asked for it: a page that goes away under a reader cannot be read.
 * https://www.w3.org/WAI/WCAG22/Understanding/timing-adjustable
 */
export function mailboxesPage(
  overview: Overview,
  context: PageContext,
  renewsItself: boolean = false,
): Promise<HtmlAnswer> {
  const { mailboxes, now } = overview;
  const body = html`
${alarms(overview)}
${mailboxes.length === 0 ? empty() : html`${chart(overview)}${mailboxes.map((view) => card(view, now, context))}`}
<p class="actions"><a class="button${mailboxes.length === 0 ? " main" : ""}" href="${context.urls.newMailbox}">Add a mailbox</a>
${renewal(renewsItself, context)} <small>As of ${moment(now)}.</small></p>`;
  const refresh = { seconds: REFRESH_SECONDS, url: context.urls.mailboxesUnattended };
  return htmlAnswer(200, context, { title: "Mailboxes", body, ...(renewsItself && { refresh }) });
}

function renewal(renewsItself: boolean, { urls }: PageContext): Html {
  return renewsItself
    ? html`<a class="button" href="${urls.mailboxes}">Stop renewing</a>`
    : html`<a class="button" href="${urls.mailboxesUnattended}">Renew every ${REFRESH_SECONDS} seconds</a>`;
}

function alarms({ alarm, lastTick, mailboxes, now }: Overview): Html {
  const overdue = lastTick !== undefined && now.getTime() - lastTick.getTime() > TICK_OVERDUE_MS;
  return html`
${
  alarm === undefined
    ? ""
    : html`<section class="card alarm" role="alert"><h2 class="bad">Deskpost's own sign-in is refused, since ${moment(alarm.since)}</h2>
<p>${alarm.message}</p><p>Whoever runs Deskpost must put its app registration or its credential right. No mailbox has to be connected again; mail goes on as long as the access tokens last, and is caught up afterwards.</p></section>`
}
${
  overdue && mailboxes.length > 0
    ? html`<section class="card alarm" role="alert"><h2 class="bad">No fetch has run since ${moment(lastTick)}</h2>
<p>The timer function <code>fetch-mail</code> does not run. Look at the function app in the Azure portal: is it started, and does it list its functions? Restarting it is safe.</p></section>`
    : ""
}
${restingDesks(mailboxes).map(
  ({
    desk,
    code,
    since,
    until,
  }) => html`<section class="card alarm" role="alert"><h2 class="warn">The desk “${desk}” takes no mail, since ${moment(since)}</h2>
<p>What happens: ${codeWords(code)}. Its mail waits, and nothing is lost. The desk is tried again ${until <= now ? "with the next fetch" : whenever(until, now, "")}; “Fetch now” tries it at once.</p></section>`,
)}`;
}

function restingDesks(mailboxes: readonly MailboxView[]): readonly OpenCircuit[] {
  const openCircuits = mailboxes.flatMap(({ openCircuit }) => (openCircuit === undefined ? [] : [openCircuit]));
  return [...new Map(openCircuits.map((rest) => [rest.desk, rest])).values()];
}

function chart({ mailPerHour: { hours, total } }: Overview): Html {
  return html`<section class="card" aria-labelledby="chart"><h2 id="chart">Mail of the last day</h2>${mailChart(hours, total)}</section>`;
}

function empty(): Html {
  return html`<section class="card"><h2>No mailbox yet</h2>
<p>Add the Microsoft 365 mailbox whose mail should become tickets. Then its owner signs in at Microsoft once, and new mail arrives at the help desk by itself.</p></section>`;
}

function card(view: MailboxView, now: Date, context: PageContext): Html {
  const { mailbox, pending, quarantined, token, health, nextFetchAt } = view;
  const { urls } = context;
  const quarantine = html`<a href="${urls.mailbox(mailbox.id, "quarantine")}" aria-label="${quarantined} in quarantine ${mailbox.address}">${quarantined}</a>`;
  return html`<section class="card" aria-labelledby="m-${mailbox.id}">
<div class="top"><h2 id="m-${mailbox.id}"><a href="${urls.mailbox(mailbox.id)}">${mailbox.address}</a></h2>${mailboxState(health)}</div>
${mailWay(mailbox)}
${health.wrong === undefined ? "" : html`<p class="trouble ${health.colour}-line">${health.wrong}</p>`}
<dl>
<div><dt>Last mail to the desk</dt><dd>${whenever(mailbox.lastMailAt, now, "none yet")}</dd></div>
<div><dt>Last fetch that went well</dt><dd>${whenever(mailbox.lastSuccessAt, now, "none yet")}</dd></div>
<div><dt>Next fetch</dt><dd>${nextFetch(nextFetchAt, now)}</dd></div>
<div><dt>Pending</dt><dd>${pending}</dd></div>
<div><dt>In quarantine</dt><dd>${quarantined === 0 ? 0 : quarantine}</dd></div>
<div><dt>Access token ends</dt><dd>${whenever(token?.goodUntil, now, "there is none")}</dd></div>
</dl>
<div class="actions">${mailboxActions(mailbox, health, context)}</div>
</section>`;
}

function nextFetch(at: Date | undefined, now: Date): Html {
  if (at === undefined) return html`none while it is not connected`;
  return at > now ? whenever(at, now, "") : html`at the next tick`;
}
