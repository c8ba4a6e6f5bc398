import type { Acknowledge } from "../../mailboxes/mailbox.ts";
import { type Backoff, backoffMs } from "../../platform/backoff.ts";
import { errorFields, type Log } from "../../telemetry/log.ts";
import type { LeasedLedger, UnacknowledgedEntry } from "../ledger/ledger.ts";
import { ACKNOWLEDGED_AT_ONCE, concernsMailbox, GraphError, type MessageSource } from "../message-source.ts";

/** Between the tries; with this many of them it takes two days. */
const NEXT_TRY: Backoff = { firstMs: 60_000, longestMs: 24 * 60 * 60_000, factor: 4 };
const TRIES = 8;
/** Looked up in one run; what remains is for the next one. */
const ENTRIES_PER_RUN = 200;

export interface AcknowledgeOptions {
  readonly mailboxId: string;
  readonly source: MessageSource;
  readonly ledger: LeasedLedger;
  readonly acknowledge: Acknowledge;
  readonly deadline: Date;
  readonly now: () => Date;
  readonly log: Log;
}

/**
 * Marks or moves what was delivered. It comes last and stands alone: a failure here never brings a delivery back.
 * Gives how many are done.
 */
export async function acknowledgeDelivered(options: AcknowledgeOptions): Promise<number> {
  const { source, ledger, acknowledge, deadline, now } = options;
  const entries = await ledger.toAcknowledge(now(), ENTRIES_PER_RUN);
  let done = 0;
  for (let start = 0; start < entries.length && now() < deadline; start += ACKNOWLEDGED_AT_ONCE) {
    const some = entries.slice(start, start + ACKNOWLEDGED_AT_ONCE);
    await ledger.renew();
    const failures = await failuresOf(some, () =>
      source.acknowledge(
        some.map(({ messageId }) => messageId),
        acknowledge,
      ),
    );
    const outcomes = await Promise.allSettled(
      some.map((entry) => settle(entry, failures.get(entry.messageId), options)),
    );
    done += some.length - failures.size;
    const failed = outcomes.find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }
  return done;
}

/** A batch that failed as a whole failed for each of its messages, unless it is the mailbox that is at fault. */
async function failuresOf(
  entries: readonly UnacknowledgedEntry[],
  ask: () => Promise<ReadonlyMap<string, GraphError>>,
): Promise<ReadonlyMap<string, GraphError>> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof GraphError) || concernsMailbox(error)) throw error;
    return new Map(entries.map(({ messageId }) => [messageId, error]));
  }
}

/** Throws what concerns the whole mailbox: then the message is as it was. */
async function settle(
  entry: UnacknowledgedEntry,
  failure: GraphError | undefined,
  { mailboxId, ledger, now, log }: AcknowledgeOptions,
): Promise<void> {
  if (failure === undefined) return ledger.acknowledged(entry);
  if (concernsMailbox(failure)) throw failure;
  const about = { mailboxId, message: entry.key, ...errorFields(failure) };
  const tries = entry.tries + 1;
  if (tries >= TRIES) {
    await ledger.abandonAcknowledge(entry, failure.message);
    log.error("acknowledge abandoned", { ...about, tries });
    return;
  }
  await ledger.postponeAcknowledge(entry, new Date(now().getTime() + backoffMs(tries, NEXT_TRY)));
  if (tries === 1) log.warn("acknowledge failed", about);
}
