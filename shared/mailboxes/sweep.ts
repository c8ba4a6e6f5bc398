import pLimit from "p-limit";
import { LEDGER_MEMORY_MS } from "../mail/discover.ts";
import type { Ledger } from "../mail/ledger.ts";
import type { MailboxRegistry } from "./mailbox.ts";

/** Mailboxes side by side: each takes a few requests of storage, and there may be thousands. */
const AT_ONCE = 8;

interface Sweepable {
  sweep(): Promise<unknown>;
}

export interface SweepDeps {
  readonly registry: Pick<MailboxRegistry, "list">;
  readonly ledger: Pick<Ledger, "sweep">;
  readonly consents: Sweepable;
  readonly invitations: Sweepable;
  readonly activity: Sweepable;
  readonly now: () => Date;
}

/**
 * Removes what is older than the ledger's memory, and sign-ins that are over.
 * @throws {AggregateError} where something failed; everything else is swept
 */
export function createSweep({ registry, ledger, consents, invitations, activity, now }: SweepDeps) {
  return async (): Promise<void> => {
    const settledBefore = new Date(now().getTime() - LEDGER_MEMORY_MS);
    const atOnce = pLimit(AT_ONCE);
    const mailboxes = await registry.list();
    const sweeps = [
      consents.sweep(),
      invitations.sweep(),
      activity.sweep(),
      ...mailboxes.map(({ id }) => atOnce(() => ledger.sweep(id, settledBefore))),
    ];
    const failed = (await Promise.allSettled(sweeps)).flatMap((end) => (end.status === "rejected" ? [end.reason] : []));
    if (failed.length === 0) return;
    const first = failed[0] instanceof Error ? failed[0].message : String(failed[0]);
    throw new AggregateError(
      failed,
      `${failed.length} of ${sweeps.length} sweeps failed, the next day's try again: ${first}`,
    );
  };
}
