import type { Log } from "../telemetry/log.ts";
import type { Checkpoint, LeasedLedger, NewEntry } from "./ledger.ts";
import type { ChangePage, MessageSource } from "./message-source.ts";
import { SyncStateLostError } from "./message-source.ts";

/** How long the ledger remembers what it settled. A walk from the start delivers nothing older that it does not know. */
export const LEDGER_MEMORY_MS = 90 * 24 * 3_600_000;
/** A round of more pages than any folder has: Graph at times pages in circles. https://learn.microsoft.com/answers/a/12762375 */
const PAGES_LIMIT = 20_000;

export interface DiscoverOptions {
  readonly mailboxId: string;
  readonly source: MessageSource;
  readonly ledger: LeasedLedger;
  /** Messages received before are left alone. */
  readonly deliverFrom: Date;
  readonly deadline: Date;
  readonly now: () => Date;
  readonly log: Log;
}

export interface Discovery {
  readonly discovered: number;
  readonly pages: number;
  /** True where the deadline came before the end of the round. */
  readonly more: boolean;
}

/**
 * Reads the changes of the folder, page by page: first the page's messages into the ledger, then the checkpoint. A
 * message that was seen is thereby never forgotten, and one that is seen again is known.
 */
export async function discover(options: DiscoverOptions): Promise<Discovery> {
  const { ledger, now, deadline } = options;
  let discovered = 0;
  for (let pages = 1; pages <= PAGES_LIMIT; pages += 1) {
    const { page, resyncing } = await nextPage(options);
    const checkpoint: Checkpoint = { link: page.link, resyncing: resyncing && !page.complete };
    discovered += await ledger.record(await wanted(page, resyncing, options), checkpoint);
    if (page.complete) return { discovered, pages, more: false };
    if (now() >= deadline) return { discovered, pages, more: true };
  }
  throw new Error(
    `Graph gave more than ${PAGES_LIMIT} pages of changes for mailbox ${options.mailboxId} without an end`,
  );
}

async function nextPage(options: DiscoverOptions): Promise<{ page: ChangePage; resyncing: boolean }> {
  const { mailboxId, source, ledger, log } = options;
  const { link, resyncing } = ledger.checkpoint;
  try {
    return { page: await source.changes(link), resyncing };
  } catch (error) {
    if (!(error instanceof SyncStateLostError)) throw error;
    log.warn("resync started", { mailboxId, message: error.message });
    return { page: await source.changes(undefined), resyncing: true };
  }
}

/** The messages of a page that are to be delivered. */
async function wanted(page: ChangePage, resyncing: boolean, options: DiscoverOptions): Promise<NewEntry[]> {
  const { source, ledger, deliverFrom, now } = options;
  const remembered = new Date(now().getTime() - LEDGER_MEMORY_MS);
  // After 90 days the ledger forgets what it settled; a walk from the start must not take that for new.
  const from = resyncing && remembered > deliverFrom ? remembered : deliverFrom;

  const present = page.messages.filter((message) => !message.removed);
  const entries = new Map<string, NewEntry>();
  for (const { id, receivedAt } of present) {
    if (receivedAt !== undefined && receivedAt >= from) entries.set(id, { messageId: id, receivedAt });
  }
  // A change of the read flag comes without the date. Known messages need none; of an unknown one it is asked for.
  const undated = present.filter((message) => message.receivedAt === undefined && !entries.has(message.id));
  for (const id of await ledger.unknown(undated.map((message) => message.id))) {
    const receivedAt = await source.receivedAt(id);
    if (receivedAt !== undefined && receivedAt >= from) entries.set(id, { messageId: id, receivedAt });
  }
  return [...entries.values()];
}
