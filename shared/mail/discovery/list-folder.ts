import type { Period } from "../ledger/ledger.ts";
import type { MessageSource } from "../message-source.ts";
import { listPages } from "./list-pages.ts";

/** Well below what Azure lets a request take. https://learn.microsoft.com/azure/azure-functions/functions-scale#timeout */
const LISTING_MS = 150_000;

/** Gives the messages of a folder that were received in a period, for a person who waits for the answer. */
export async function listFolder(source: Pick<MessageSource, "list">, period: Period, now: () => Date) {
  const until = now().getTime() + LISTING_MS;
  const found = new Map<string, Date>();
  let complete = period.from >= period.until;
  if (complete) return { messages: found, complete };
  for await (const page of listPages(source, { purged: undefined }, period.from)) {
    // Asked for by the second, it may begin earlier.
    for (const { id, receivedAt } of page.messages) {
      if (receivedAt >= period.from && receivedAt < period.until) found.set(id, receivedAt);
    }
    complete = page.complete || page.next >= period.until;
    if (complete || now().getTime() >= until) break;
  }
  return { messages: found, complete };
}
