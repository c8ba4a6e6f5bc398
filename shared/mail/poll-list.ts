import type { DiscoverOptions } from "./discover.ts";
import { listPages } from "./list-pages.ts";
import { isWanted } from "./wanted.ts";

/** Mail may become visible after mail that came later: https://github.com/PipedreamHQ/pipedream/issues/21159 */
export const LIST_OVERLAP_MS = 15 * 60_000;

/** Lists what came since the last time, page by page: first into the ledger, then the mark. */
export async function pollList(
  options: DiscoverOptions,
): Promise<{ discovered: number; pages: number; more: boolean }> {
  const { source, ledger, deliverFrom, deadline, now } = options;
  const start = ledger.checkpoint.listFrom ?? deliverFrom;
  let discovered = 0;
  let pages = 0;
  for await (const { messages, next, complete } of listPages(source, ledger, start)) {
    pages += 1;
    const wanted = messages.flatMap(({ id, receivedAt }) =>
      isWanted(receivedAt, options) ? [{ messageId: id, receivedAt }] : [],
    );
    // Only behind the last page: within a list of many pages, going back would never come to the end.
    const listFrom = complete ? lookBack(next, start, now()) : next;
    discovered += await ledger.record(wanted, { listFrom });
    if (complete) break;
    if (now() >= deadline) return { discovered, pages, more: true };
  }
  return { discovered, pages, more: false };
}

/** Before the newest message, which need not be of today, and not of the future either: some dates are wrong. */
function lookBack(newest: Date, start: Date, now: Date): Date {
  const from = Math.min(newest.getTime(), now.getTime()) - LIST_OVERLAP_MS;
  return newest > start ? new Date(from) : start;
}
