import type { MailboxView, Overview } from "../health/overview.ts";
import type { StoredMailbox } from "../mailboxes/mailbox.ts";

/** The list for programs. `JSON.stringify` writes times as ISO 8601 in UTC and leaves out what is undefined. */
export function overviewJson({ mailboxes, alarm, lastTick, mailPerHour: { hours, total, byMailbox } }: Overview) {
  return {
    mailboxes: mailboxes.map((view) => ({ ...viewJson(view), mailPerHour: byMailbox.get(view.mailbox.id) })),
    alarm,
    lastTick,
    mailPerHour: { hours, total },
  };
}

/** A mailbox for programs; what only runs need stays inside. */
export function mailboxJson({
  etag: _,
  statusBeforePause: __,
  lastRun: ___,
  graphRequests: ____,
  queuedUntil: _____,
  ...mailbox
}: StoredMailbox) {
  return mailbox;
}

/** `mend` and `deskRest` are the names that earlier versions gave `remedyAction` and `openCircuit`. */
function viewJson({ mailbox, pending, quarantined, token, health, openCircuit }: MailboxView) {
  return {
    ...mailboxJson(mailbox),
    pending,
    quarantined,
    token,
    health: { ...health, mend: health.remedyAction },
    openCircuit,
    deskRest: openCircuit,
  };
}
