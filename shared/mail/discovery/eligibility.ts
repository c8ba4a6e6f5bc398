import { mayBePurged, type NewEntry } from "../ledger/ledger.ts";
import { type ChangePage, concernsMailbox, GraphError } from "../message-source.ts";
import type { DiscoverOptions } from "./discover-options.ts";

type EligibilityOptions = Pick<DiscoverOptions, "source" | "ledger" | "deliverFrom" | "now">;

export function isEligible(
  receivedAt: Date | undefined,
  { ledger, deliverFrom }: Pick<EligibilityOptions, "ledger" | "deliverFrom">,
): receivedAt is Date {
  return receivedAt !== undefined && receivedAt >= deliverFrom && !mayBePurged(ledger.purged, receivedAt);
}

/** Unknown messages without a date that are asked for one by one; where somebody marks a whole folder as read, it is thousands. */
const LOOKED_UP_AT_MOST = 25;

interface Eligible {
  /** The messages of the page that are to be delivered. */
  readonly entries: readonly NewEntry[];
  /** There are too many without a date: one look at the whole folder finds those among them that are to be delivered. */
  readonly needsSweep: boolean;
}

export async function eligibleIn(page: ChangePage, options: EligibilityOptions): Promise<Eligible> {
  const present = page.messages.filter((message) => !message.removed);
  const entries = new Map<string, NewEntry>();
  for (const { id, receivedAt, fingerprint } of present) {
    if (isEligible(receivedAt, options)) entries.set(id, { messageId: id, receivedAt, fingerprint });
  }
  // A change of the read flag comes without the date. Known messages need none; of an unknown one it is asked for.
  const undated = present.filter((message) => message.receivedAt === undefined && !entries.has(message.id));
  const unknown = await options.ledger.unknown(undated.map((message) => message.id));
  const needsSweep = unknown.size > LOOKED_UP_AT_MOST;
  for (const id of needsSweep ? [] : unknown) {
    await options.ledger.renew();
    const receivedAt = await dateOf(id, options);
    if (isEligible(receivedAt, options)) entries.set(id, { messageId: id, receivedAt });
  }
  return { entries: [...entries.values()], needsSweep };
}

/** A message that Graph cannot open counts as new, so that it ends in quarantine rather than stopping discovery. */
async function dateOf(id: string, { source, now }: EligibilityOptions): Promise<Date | undefined> {
  try {
    return await source.receivedAt(id);
  } catch (error) {
    const isBroken = error instanceof GraphError && (error.answer.status === 500 || error.answer.status === 400);
    if (isBroken && !concernsMailbox(error)) return now();
    throw error;
  }
}
