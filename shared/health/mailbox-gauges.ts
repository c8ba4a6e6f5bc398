import type { MailboxRegistry, MailboxStatus, MailboxSummary } from "../mailboxes/mailbox.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import { MAILBOX_LATE_MS } from "./thresholds.ts";

export interface MailboxGaugesDeps {
  readonly registry: Pick<MailboxRegistry, "summaries" | "alarm">;
  readonly log: Log;
  readonly now: () => Date;
}

/**
 * Says at each tick how the mailboxes are: how many of each status, and by name those that are late or wait for a
 * person. An alert needs to see what stands still, and that causes no event by itself.
 */
export function createMailboxGauges({ registry, log, now }: MailboxGaugesDeps): () => Promise<void> {
  function watch(mailboxes: readonly MailboxSummary[], misconfigured: boolean): void {
    const at = now().getTime();
    const count = (status: MailboxStatus) => mailboxes.filter((mailbox) => mailbox.status === status).length;
    const connected = mailboxes.filter(({ status }) => status === "connected");
    const sinceMs = ({ lastSuccessAt, deliverFrom }: MailboxSummary) =>
      at - (lastSuccessAt ?? deliverFrom ?? new Date(at)).getTime();
    log.info("mailboxes watched", {
      new: count("new"),
      connected: connected.length,
      needsOwner: count("needs-owner"),
      needsAdmin: count("needs-admin"),
      paused: count("paused"),
      oldestSuccessSeconds: Math.round(Math.max(0, ...connected.map(sinceMs)) / 1_000),
      misconfigured: misconfigured ? 1 : 0,
    });
    for (const mailbox of connected.filter((each) => sinceMs(each) >= MAILBOX_LATE_MS)) {
      const { id: mailboxId, desk, lastError } = mailbox;
      log.warn("mailbox late", {
        mailboxId,
        desk,
        sinceSeconds: Math.round(sinceMs(mailbox) / 1_000),
        code: lastError?.code,
      });
    }
    for (const { id: mailboxId, desk, status } of mailboxes) {
      if (status === "needs-owner") log.warn("mailbox blocked", { mailboxId, desk, needsOwner: 1 });
      if (status === "needs-admin") log.warn("mailbox blocked", { mailboxId, desk, needsAdmin: 1 });
    }
  }

  /** Never throws: what the tick did is done. */
  return async function watchMailboxes() {
    try {
      const [mailboxes, alarm] = await Promise.all([registry.summaries(), registry.alarm()]);
      watch(mailboxes, alarm !== undefined);
    } catch (error) {
      log.error("request failed", errorFields(error));
    }
  };
}
