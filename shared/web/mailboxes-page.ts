import { html } from "hono/html";
import type { StoredMailbox } from "../mailboxes/mailbox.ts";
import type { MailboxView, Overview } from "../mailboxes/overview.ts";
import { buttonForm, type Html, type HtmlAnswer, htmlAnswer, type PageContext } from "./layout.ts";
import { fromNow, moment } from "./times.ts";

const REFRESH_SECONDS = 10;
/** `fetch-mail` runs each minute by default; after this long without a run something is wrong with the platform. */
export const TICK_OVERDUE_MS = 5 * 60_000;

/**
 * The page of all mailboxes: what each one does, what is wrong, and the button that mends it.
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
${mailboxes.length === 0 ? empty() : mailboxes.map((view) => card(view, now, context))}
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
}`;
}

function empty(): Html {
  return html`<section class="card"><h2>No mailbox yet</h2>
<p>Add the Microsoft 365 mailbox whose mail should become tickets. Then its owner signs in at Microsoft once, and new mail arrives at the help desk by itself.</p></section>`;
}

/** The state in one line and one colour. */
export function stateOf({ mailbox, pending, quarantined }: MailboxView): {
  readonly tone: "good" | "warn" | "bad";
  readonly text: string;
} {
  switch (mailbox.status) {
    case "new":
      return { tone: "warn", text: "Not connected yet" };
    case "needs-owner":
      return { tone: "bad", text: "Its owner must connect it again" };
    case "needs-admin":
      return { tone: "bad", text: "Its organisation blocks the sign-in" };
    case "paused":
      return { tone: "warn", text: "Paused" };
    case "connected":
      if (mailbox.lastError !== undefined) return { tone: "warn", text: `Connected, but the last fetch failed` };
      if (quarantined > 0) return { tone: "warn", text: `Connected; ${quarantined} message(s) in quarantine` };
      if (pending > 0) return { tone: "good", text: `Connected; ${pending} message(s) on their way` };
      return { tone: "good", text: "Connected; all mail delivered" };
  }
}

function card(view: MailboxView, now: Date, context: PageContext): Html {
  const { mailbox, pending, quarantined, token } = view;
  const state = stateOf(view);
  const since = (date: Date | undefined, never: string) =>
    date === undefined
      ? html`${never}`
      : html`<time datetime="${date.toISOString()}" title="${moment(date)}">${fromNow(date, now)}</time>`;
  const next = mailbox.nextFetchAt > now ? since(mailbox.nextFetchAt, "") : html`at the next tick`;
  return html`<section class="card" aria-labelledby="m-${mailbox.id}">
<div class="top"><h2 id="m-${mailbox.id}">${mailbox.address}</h2><span class="state ${state.tone}">${state.text}</span></div>
<small>Folder ${mailbox.folder}, to the desk “${mailbox.desk}”${acknowledgement(mailbox)}</small>
${
  mailbox.lastError === undefined
    ? ""
    : html`<p class="trouble"><strong>${mailbox.lastError.code}</strong>, ${since(mailbox.lastError.at, "")}: ${mailbox.lastError.message}</p>`
}
<dl>
<div><dt>Last mail to the desk</dt><dd>${since(mailbox.lastMailAt, "none yet")}</dd></div>
<div><dt>Last fetch that went well</dt><dd>${since(mailbox.lastSuccessAt, "none yet")}</dd></div>
<div><dt>Next fetch</dt><dd>${mailbox.status === "connected" ? next : "none while it is not connected"}</dd></div>
<div><dt>Delivered</dt><dd>${mailbox.delivered}</dd></div>
<div><dt>Refused by the desk</dt><dd>${mailbox.refused}</dd></div>
<div><dt>Pending / in quarantine</dt><dd>${pending} / ${quarantined}</dd></div>
${
  token === undefined
    ? ""
    : html`<div><dt>Connected by</dt><dd>${token.userName}</dd></div>
<div><dt>Access token ends</dt><dd>${since(token.goodUntil, "")}</dd></div>
<div><dt>It is renewed ahead of that</dt><dd>${token.refreshAt <= now ? "at the next fetch" : since(token.refreshAt, "")}</dd></div>
${
  token.refreshToken === undefined
    ? ""
    : html`<div><dt>Refresh token saved</dt><dd>${since(token.refreshToken.savedAt, "")}</dd></div>
<div><dt>Without a renewal it would end</dt><dd>${since(token.refreshToken.goodUntil, "")}</dd></div>`
}`
}
</dl>
<div class="actions">${actions(mailbox, context)}</div>
</section>`;
}

function acknowledgement({ acknowledge }: StoredMailbox): string {
  switch (acknowledge.kind) {
    case "nothing":
      return "";
    case "mark-read":
      return "; delivered mail is marked as read";
    case "move":
      return `; delivered mail is moved to ${acknowledge.folder}`;
  }
}

function actions({ id, status, address, access }: StoredMailbox, { urls, session }: PageContext): Html {
  const button = (action: string, label: string) =>
    buttonForm(session, { action: urls.mailbox(id, action), label, about: address });
  const link = (url: string, label: string, main = false) =>
    html`<a class="button${main ? " main" : ""}" href="${url}" aria-label="${label} ${address}">${label}</a>`;
  const connect = (label: string, main: boolean) => link(urls.connect(id), label, main);
  const connectOther = link(urls.connect(id, true), "Connect with another account");
  const invite = link(
    urls.mailbox(id, "invite"),
    access === "application" ? "Invite an administrator…" : "Invite its owner…",
  );
  const remove = link(urls.mailbox(id, "remove"), "Remove…");
  if (access === "application") {
    const isConnected = status === "connected";
    const grant = connect(isConnected ? "Grant again" : "Grant as administrator", !isConnected);
    const go =
      status === "paused"
        ? button("resume", "Resume")
        : isConnected
          ? html`${button("fetch", "Fetch now")} ${button("pause", "Pause")}`
          : "";
    return html`${go} ${grant} ${button("connect", "Connect: it is granted already")} ${invite} ${remove}`;
  }
  switch (status) {
    case "new":
      return html`${connect("Connect with Microsoft", true)} ${invite} ${remove}`;
    case "needs-owner":
    case "needs-admin":
      return html`${connect("Connect again", true)} ${connectOther} ${invite} ${button("pause", "Pause")} ${remove}`;
    case "paused":
      return html`${button("resume", "Resume")} ${connect("Connect again", false)} ${connectOther} ${invite} ${remove}`;
    case "connected":
      return html`${button("fetch", "Fetch now")} ${button("pause", "Pause")} ${connect("Connect again", false)} ${connectOther} ${invite} ${remove}`;
  }
}
