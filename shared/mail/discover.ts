import type { Log } from "../telemetry/log.ts";
import { type LeasedLedger, mayBeForgotten, type NewEntry } from "./ledger.ts";
import {
  type ChangePage,
  concernsMailbox,
  GraphError,
  type MessageSource,
  SyncStateLostError,
} from "./message-source.ts";

/** How long the ledger remembers what it settled. */
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
  const nextPage = createWalk(options);
  let discovered = 0;
  for (let pages = 1; pages <= PAGES_LIMIT; pages += 1) {
    const page = await nextPage();
    discovered += await ledger.record(await wanted(page, options), { link: page.link });
    if (page.complete) return { discovered, pages, more: false };
    if (now() >= deadline) return { discovered, pages, more: true };
  }
  throw new Error(
    `Graph gave more than ${PAGES_LIMIT} pages of changes for mailbox ${options.mailboxId} without an end`,
  );
}

/** Gives page after page. Where the stored position is of no use, once in a run, it starts from the beginning. */
function createWalk({ mailboxId, source, ledger, log }: DiscoverOptions): () => Promise<ChangePage> {
  let startedAnew = false;
  return async () => {
    try {
      return await source.changes(ledger.checkpoint.link);
    } catch (error) {
      if (!(error instanceof SyncStateLostError) || startedAnew) throw error;
      startedAnew = true;
      log.warn("resync started", { mailboxId, message: error.message });
      return source.changes(undefined);
    }
  };
}

/** The messages of a page that are to be delivered. */
async function wanted(page: ChangePage, options: DiscoverOptions): Promise<NewEntry[]> {
  const { ledger, deliverFrom } = options;
  const isWanted = (receivedAt: Date | undefined): receivedAt is Date =>
    receivedAt !== undefined && receivedAt >= deliverFrom && !mayBeForgotten(ledger.forgotten, receivedAt);

  const present = page.messages.filter((message) => !message.removed);
  const entries = new Map<string, NewEntry>();
  for (const { id, receivedAt } of present) {
    if (isWanted(receivedAt)) entries.set(id, { messageId: id, receivedAt });
  }
  // A change of the read flag comes without the date. Known messages need none; of an unknown one it is asked for.
  const undated = present.filter((message) => message.receivedAt === undefined && !entries.has(message.id));
  for (const id of await ledger.unknown(undated.map((message) => message.id))) {
    const receivedAt = await dateOf(id, options);
    if (isWanted(receivedAt)) entries.set(id, { messageId: id, receivedAt });
  }
  return [...entries.values()];
}

/** A message that Graph cannot open counts as new, so that it ends in quarantine rather than stopping discovery. */
async function dateOf(id: string, { source, now }: DiscoverOptions): Promise<Date | undefined> {
  try {
    return await source.receivedAt(id);
  } catch (error) {
    const isBroken = error instanceof GraphError && (error.answer.status === 500 || error.answer.status === 400);
    if (isBroken && !concernsMailbox(error)) return now();
    throw error;
  }
}
