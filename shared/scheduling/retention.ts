import pLimit from "p-limit";
import type { Ledger } from "../mail/ledger/ledger.ts";
import { LEDGER_MEMORY_MS } from "../mail/ledger/ledger.ts";
import type { MailboxRegistry } from "../mailboxes/mailbox.ts";

/** Mailboxes side by side: each takes a few requests of storage, and there may be thousands. */
const AT_ONCE = 8;

interface Purgeable {
  purge(): Promise<unknown>;
}

export interface RetentionDeps {
  readonly registry: Pick<MailboxRegistry, "list">;
  readonly ledger: Pick<Ledger, "purge">;
  readonly consents: Purgeable;
  readonly invitations: Purgeable;
  /** Of sessions and sign-ins. */
  readonly revocations: Purgeable;
  readonly activity: Purgeable;
  readonly now: () => Date;
}

/**
 * Removes what is older than the ledger's memory, and sign-ins that are over.
 * @throws {AggregateError} where something failed; everything else is purged
 */
export function createRetention({
  registry,
  ledger,
  consents,
  invitations,
  revocations,
  activity,
  now,
}: RetentionDeps) {
  return async (): Promise<void> => {
    const settledBefore = new Date(now().getTime() - LEDGER_MEMORY_MS);
    const atOnce = pLimit(AT_ONCE);
    const mailboxes = await registry.list();
    const purges = [
      consents.purge(),
      invitations.purge(),
      revocations.purge(),
      activity.purge(),
      ...mailboxes.map(({ id }) => atOnce(() => ledger.purge(id, settledBefore))),
    ];
    // Law 6: what fails for one mailbox is told in the end, after the others.
    const failed = (await Promise.allSettled(purges)).flatMap((end) => (end.status === "rejected" ? [end.reason] : []));
    if (failed.length === 0) return;
    const first = failed[0] instanceof Error ? failed[0].message : String(failed[0]);
    throw new AggregateError(
      failed,
      `${failed.length} of ${purges.length} purges failed, the next day's try again: ${first}`,
    );
  };
}
