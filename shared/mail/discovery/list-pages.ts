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
 * the date of the last message of the page before. Within one and the same second, places are all that there is, and ids
 * tell whether they can be trusted: such a second is left once all of it was read again, and showed no id that was new.
 * https://learn.microsoft.com/graph/paging
 */
export async function* listPages(
  source: Pick<MessageSource, "list">,
  ledger: Pick<LeasedLedger, "purged">,
  start: Date,
): AsyncGenerator<Stretch> {
  let from = beyondPurged(ledger.purged, start);
  let walk: Walk = START;
  /** Of the messages of the second that the list is in. */
  let seen = new Set<string>();
  for (;;) {
    const page = await source.list(from, walk.link, walk.place);
    const latest = Math.max(from.getTime(), ...page.messages.map(({ receivedAt }) => receivedAt.getTime()));
    const inSecond = page.messages.filter(({ receivedAt }) => receivedAt.getTime() <= from.getTime());
    const isNew = inSecond.some(({ id }) => !seen.has(id));
    for (const { id } of inSecond) seen.add(id);
    const ends = page.link === undefined && !page.full;
    const staysInSecond = !ends && latest === from.getTime();
    // A page without a link that shows nothing new, at a place of our own: Graph does not know such places.
    const isStuck = staysInSecond && page.link === undefined && !isNew && walk.place > 0;
    const foundNew = walk.foundNew || isNew;

    if (staysInSecond && !isStuck) {
      walk = { link: page.link, place: walk.place + page.messages.length, foundNew };
    } else if (walk.place > 0 && foundNew && !isStuck) {
      walk = START;
    } else {
      from = beyondPurged(ledger.purged, new Date(isStuck ? latest + SECOND_MS : latest));
      yield { messages: page.messages, next: from, complete: ends };
      if (ends) return;
      walk = START;
      seen = new Set();
      continue;
    }
    yield { messages: page.messages, next: from, complete: false };
  }
}

/** Once through the messages of a second. */
interface Walk {
  readonly link: string | undefined;
  /** Messages before the page. */
  readonly place: number;
  readonly foundNew: boolean;
}

const START: Walk = { link: undefined, place: 0, foundNew: false };
