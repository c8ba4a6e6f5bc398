import { beyondPurged, type LeasedLedger } from "../ledger/ledger.ts";
import type { ListPage, MessageSource } from "../message-source.ts";

/** The precision of the dates at Graph. */
const SECOND_MS = 1_000;

interface Stretch {
  readonly messages: ListPage["messages"];
  /** Where the next page begins. */
  readonly next: Date;
  /** True where this was the last page. */
  readonly complete: boolean;
}

/**
 * Lists the folder from a moment on, the oldest first. Graph's links to the next page count messages from the start, so
 * that one which leaves the folder meanwhile hides another; and at times they are missing. Each page therefore begins at
 * the date of the last message of the page before, and a link is followed only through messages of one and the same second.
 * https://learn.microsoft.com/graph/paging
 */
export async function* listPages(
  source: Pick<MessageSource, "list">,
  ledger: Pick<LeasedLedger, "purged">,
  start: Date,
): AsyncGenerator<Stretch> {
  let from = beyondPurged(ledger.purged, start);
  let link: string | undefined;
  for (;;) {
    const page = await source.list(from, link);
    const latest = Math.max(from.getTime(), ...page.messages.map(({ receivedAt }) => receivedAt.getTime()));
    const ends = page.link === undefined && !page.full;
    const advances = latest > from.getTime();
    link = advances ? undefined : page.link;
    const isStuck = !advances && !ends && link === undefined;
    from = beyondPurged(ledger.purged, new Date(isStuck ? latest + SECOND_MS : latest));
    yield { messages: page.messages, next: from, complete: ends };
    if (ends) return;
  }
}
