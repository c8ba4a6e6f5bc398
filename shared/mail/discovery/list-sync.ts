import type { DiscoverOptions } from "./discover-options.ts";
import { isEligible } from "./eligibility.ts";
import { listPages } from "./list-pages.ts";

/** Mail may become visible after mail that came later: https://github.com/PipedreamHQ/pipedream/issues/21159 */
export const LIST_OVERLAP_MS = 15 * 60_000;

/** Lists what came since the last time, page by page: first into the ledger, then the mark. */
export async function syncList(
  options: DiscoverOptions,
): Promise<{ discovered: number; pages: number; more: boolean }> {
  const { source, ledger, deliverFrom, deadline, now } = options;
  const stored = ledger.checkpoint.listFrom ?? deliverFrom;
  // Some dates are of the future: what comes today must not be sought behind them.
  const isAhead = stored.getTime() - now().getTime() > LIST_OVERLAP_MS;
  const start = isAhead ? beforeNow(stored, now()) : stored;
  let discovered = 0;
  let pages = 0;
  for await (const { messages, next, complete } of listPages(source, ledger, start)) {
    pages += 1;
    const eligible = messages.flatMap(({ id, receivedAt, fingerprint }) =>
      isEligible(receivedAt, options) ? [{ messageId: id, receivedAt, fingerprint }] : [],
    );
    // Only behind the last page: within a list of many pages, going back would never come to the end.
    const listFrom = complete ? lookBack(next, start, now()) : next;
    discovered += await ledger.record(eligible, { listFrom });
    if (complete) break;
    if (now() >= deadline) return { discovered, pages, more: true };
  }
  return { discovered, pages, more: false };
}

/** Before the newest message, which need not be of today. */
function lookBack(newest: Date, start: Date, now: Date): Date {
  return beforeNow(newest > start ? new Date(newest.getTime() - LIST_OVERLAP_MS) : start, now);
}

function beforeNow(from: Date, now: Date): Date {
  return new Date(Math.min(from.getTime(), now.getTime() - LIST_OVERLAP_MS));
}
