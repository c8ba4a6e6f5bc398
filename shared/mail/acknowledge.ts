import type { Acknowledge } from "../mailboxes/mailbox.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import type { LeasedLedger } from "./ledger.ts";
import { concernsMailbox, GraphError, type MessageSource } from "./message-source.ts";

/** A message that Graph refuses to mark or move is left for this long. */
const RETRY_AFTER_MS = 60 * 60_000;
const BATCH = 100;

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
  const { mailboxId, source, ledger, acknowledge, deadline, now, log } = options;
  let done = 0;
  for (const entry of await ledger.toAcknowledge(now(), BATCH)) {
    if (now() >= deadline) break;
    await ledger.renew();
    try {
      await source.acknowledge(entry.messageId, acknowledge);
    } catch (error) {
      if (!(error instanceof GraphError) || concernsMailbox(error)) throw error;
      await ledger.postponeAcknowledge(entry, new Date(now().getTime() + RETRY_AFTER_MS));
      log.warn("acknowledge failed", { mailboxId, message: entry.key, ...errorFields(error) });
      continue;
    }
    await ledger.acknowledged(entry);
    done += 1;
  }
  return done;
}
