import { html } from "hono/html";
import type { MailboxHealth } from "../health/mailbox-health.ts";
import type { StoredMailbox } from "../mailboxes/mailbox.ts";
import { buttonForm, type Html, type PageContext } from "./layout.ts";

/** Every button of a mailbox; the remedy for what is wrong stands out. */
export function mailboxActions(
  { id, status, address, access }: StoredMailbox,
  { remedyAction }: MailboxHealth,
  { urls, session }: PageContext,
): Html {
  const button = (action: string, label: string) =>
    buttonForm(session, { action: urls.mailbox(id, action), label, about: address, main: remedyAction === action });
  const link = (url: string, label: string, main = false) =>
    html`<a class="button${main ? " main" : ""}" href="${url}" aria-label="${label} ${address}">${label}</a>`;
  const connect = (label: string, main: boolean) => link(urls.connect(id), label, main);
  const connectOther = link(urls.connect(id, true), "Connect with another account");
  const invite = link(
    urls.mailbox(id, "invite"),
    access === "application" ? "Invite an administrator…" : "Invite its owner…",
  );
  const remove = link(urls.mailbox(id, "remove"), "Remove…");
  const replay = remedyAction === "replay" ? link(urls.mailbox(id, "quarantine"), "See the quarantine", true) : "";
  if (access === "application") {
    const isConnected = status === "connected";
    const grant = connect(
      isConnected ? "Grant again" : "Grant as administrator",
      remedyAction === "approve" || remedyAction === "connect",
    );
    const go =
      status === "paused"
        ? button("resume", "Resume")
        : isConnected
          ? html`${button("fetch", "Fetch now")} ${button("pause", "Pause")}`
          : "";
    return html`${replay} ${go} ${grant} ${button("connect", "Connect: it is granted already")} ${invite} ${remove}`;
  }
  switch (status) {
    case "new":
      return html`${connect("Connect with Microsoft", true)} ${invite} ${remove}`;
    case "needs-owner":
    case "needs-admin":
      return html`${connect("Connect again", true)} ${connectOther} ${invite} ${button("pause", "Pause")} ${remove}`;
    case "paused":
      return html`${button("resume", "Resume")} ${connect("Connect again", remedyAction === "connect")} ${connectOther} ${invite} ${remove}`;
    case "connected":
      return html`${replay} ${button("fetch", "Fetch now")} ${button("pause", "Pause")} ${connect("Connect again", remedyAction === "connect")} ${connectOther} ${invite} ${remove}`;
  }
}
