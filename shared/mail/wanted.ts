import type { DiscoverOptions } from "./discover.ts";
import { mayBeForgotten, type NewEntry } from "./ledger.ts";
import { type ChangePage, concernsMailbox, GraphError } from "./message-source.ts";

type WantedOptions = Pick<DiscoverOptions, "source" | "ledger" | "deliverFrom" | "now">;

export function isWanted(
  receivedAt: Date | undefined,
  { ledger, deliverFrom }: Pick<WantedOptions, "ledger" | "deliverFrom">,
): receivedAt is Date {
  return receivedAt !== undefined && receivedAt >= deliverFrom && !mayBeForgotten(ledger.forgotten, receivedAt);
}

/** The messages of a page of changes that are to be delivered. */
export async function wantedIn(page: ChangePage, options: WantedOptions): Promise<NewEntry[]> {
  const present = page.messages.filter((message) => !message.removed);
  const entries = new Map<string, NewEntry>();
  for (const { id, receivedAt } of present) {
    if (isWanted(receivedAt, options)) entries.set(id, { messageId: id, receivedAt });
  }
  // A change of the read flag comes without the date. Known messages need none; of an unknown one it is asked for.
  const undated = present.filter((message) => message.receivedAt === undefined && !entries.has(message.id));
  for (const id of await options.ledger.unknown(undated.map((message) => message.id))) {
    const receivedAt = await dateOf(id, options);
    if (isWanted(receivedAt, options)) entries.set(id, { messageId: id, receivedAt });
  }
  return [...entries.values()];
}

/** A message that Graph cannot open counts as new, so that it ends in quarantine rather than stopping discovery. */
async function dateOf(id: string, { source, now }: WantedOptions): Promise<Date | undefined> {
  try {
    return await source.receivedAt(id);
  } catch (error) {
    const isBroken = error instanceof GraphError && (error.answer.status === 500 || error.answer.status === 400);
    if (isBroken && !concernsMailbox(error)) return now();
    throw error;
  }
}
