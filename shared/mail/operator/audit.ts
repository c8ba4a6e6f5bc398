import type { StoredMailbox } from "../../mailboxes/mailbox.ts";
import { listFolder } from "../discovery/list-folder.ts";
import type { Checkpoint } from "../ledger/checkpoint.ts";
import { type Ledger, mayBePurged, type Period, type StateCounts } from "../ledger/ledger.ts";
import type { MessageSource } from "../message-source.ts";

/** What came this shortly before the last look at the folder may not have been visible then. */
const GRACE_MS = 60_000;

export interface AuditDeps {
  readonly ledger: Pick<Ledger, "checkpoint" | "counts" | "compare" | "purged">;
  readonly sourceOf: (mailbox: StoredMailbox) => Pick<MessageSource, "list">;
  readonly now: () => Date;
}

/** What became of the mail of a period, and whether the ledger agrees with the folder. */
export interface Audit extends Period {
  /** Messages received in the period that the ledger knows. */
  readonly received: number;
  readonly states: StateCounts;
  /** Messages of the period that are in the folder now. Those that were moved or deleted since are not. */
  readonly inFolder: number;
  /** Messages that are in the folder and not accounted for. Anything but 0 is a fault. */
  readonly difference: number;
  /** False where the folder was too large to be read to the end in time. */
  readonly complete: boolean;
}

/**
 * Audits a period: counts what the ledger knows, and compares it with the folder. The period is cut to what the
 * ledger can know: not before the mailbox's mail is delivered from, or an import has reached, and not after the beginning of
 * the last whole round of changes.
 */
export function createAudit({ ledger, sourceOf, now }: AuditDeps) {
  return async function audit(mailbox: StoredMailbox, asked: Period): Promise<Audit> {
    const { deliverFrom = now() } = mailbox;
    const checkpoint = await ledger.checkpoint(mailbox.id);
    const from = latest(asked.from, latest(deliverFrom, checkpoint?.coveredFrom ?? deliverFrom));
    const period = { from, until: latest(from, earliest(asked.until, seenUntil(checkpoint) ?? from)) };

    const { messages, complete } = await listFolder(sourceOf(mailbox), period, now);
    const purged = await ledger.purged(mailbox.id);
    const known = [...messages].filter(([, receivedAt]) => !mayBePurged(purged, receivedAt)).map(([id]) => id);
    const { unknown, gone } = await ledger.compare(mailbox.id, known);
    const states = await ledger.counts(mailbox.id, period);
    const received = Object.values(states).reduce((sum, count) => sum + count, 0);
    return { ...period, received, states, inFolder: messages.size, difference: unknown.size + gone.size, complete };
  };
}

/** What was received before this moment is in the ledger; `undefined` while the first round is under way. */
function seenUntil(checkpoint: Checkpoint | undefined): Date | undefined {
  if (checkpoint === undefined) return undefined;
  const { sweepFrom, listFrom, completeUntil } = checkpoint;
  // An import goes forward from its date, and may not have come further.
  if (sweepFrom !== undefined) return sweepFrom;
  const walked = completeUntil && new Date(completeUntil.getTime() - GRACE_MS);
  return walked !== undefined && listFrom !== undefined ? latest(walked, listFrom) : (walked ?? listFrom);
}

const latest = (one: Date, other: Date) => (one > other ? one : other);
const earliest = (one: Date, other: Date) => (one < other ? one : other);
