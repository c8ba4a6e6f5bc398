import type { MailboxRegistry } from "../mailboxes/mailbox.ts";
import { updateLatest } from "../mailboxes/update-latest.ts";
import type { Log } from "../telemetry/log.ts";

const CODE = "FETCH_ABANDONED";
const CODE_UNREADABLE = "FETCH_UNREADABLE";

export interface AbandonedFetchesDeps {
  readonly registry: MailboxRegistry;
  readonly log: Log;
  readonly now: () => Date;
}

/**
 * Records on a mailbox that the queue gave up on its fetch: run after run died or could not reach storage. The mailbox
 * stays in the list and is due at the next tick; the first run that succeeds takes the words away. A message that names
 * no mailbox (`undefined`) is only told: Deskpost writes no such message, so somebody else does.
 */
export function createAbandonedFetches({ registry, log, now }: AbandonedFetchesDeps) {
  return async function fetchAbandoned(mailboxId: string | undefined): Promise<void> {
    if (mailboxId === undefined) {
      return log.error("mailbox fetch abandoned", {
        mailboxId: "unreadable",
        code: CODE_UNREADABLE,
        message:
          "A message on the queue of fetches names no mailbox and was thrown away. No mail is concerned: each mailbox is due by its own row. Find out what else writes to this queue",
        listed: false,
      });
    }
    const message =
      "The queue gave up on a fetch after several attempts: each ended without a report, as when an instance runs out of memory or storage does not answer. The next tick tries again; if this lasts, look at the function's log";
    const recorded = await updateLatest(registry, mailboxId, () => ({
      queuedUntil: undefined,
      lastError: { code: CODE, message, at: now() },
    }));
    log.error("mailbox fetch abandoned", { mailboxId, code: CODE, listed: recorded !== "absent" });
  };
}
