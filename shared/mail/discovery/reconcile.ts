import type { NewEntry } from "../ledger/ledger.ts";
import type { DiscoverOptions } from "./discover-options.ts";
import { isEligible } from "./eligibility.ts";
import { listPages } from "./list-pages.ts";

const SWEEP_EVERY_MS = 60 * 60_000;
/** Of about a thousand messages each; the next run goes on. */
const PAGES_PER_RUN = 10;
/** Changes may come this late; the next sweep sees to what is younger. */
const GRACE_MS = 10 * 60_000;

interface Sweep {
  /** Messages that the changes did not show. */
  readonly found: number;
  /** Messages that counted as gone. */
  readonly returned: number;
  readonly pages: number;
}

const NO_SWEEP: Sweep = { found: 0, returned: 0, pages: 0 };

/**
 * Once an hour, compares what is in the folder with the ledger. Changes do not tell everything: a message that is moved
 * out and back between two rounds may never be heard of again. https://github.com/microsoftgraph/microsoft-graph-docs/issues/21752
 */
export async function reconcile(options: DiscoverOptions): Promise<Sweep> {
  const { mailboxId, source, ledger, deliverFrom, deadline, now, log } = options;
  const { sweptAt, coveredFrom } = ledger.checkpoint;
  // Somebody wants older mail as well: what the changes showed is known, what is older is found by the sweep.
  const isImport = coveredFrom !== undefined && deliverFrom < coveredFrom;
  const sweepFrom = isImport ? undefined : ledger.checkpoint.sweepFrom;
  // A sweep of the future was made by a clock that was wrong.
  const isDue = isImport || (sweptAt !== undefined && Math.abs(now().getTime() - sweptAt.getTime()) >= SWEEP_EVERY_MS);
  if (sweepFrom === undefined) {
    if (!isDue) return NO_SWEEP;
    await lookForFolder(options);
  }

  const listed = new Map<string, NewEntry>();
  let pages = 0;
  const start = sweepFrom ?? deliverFrom;
  let moved: { sweepFrom: Date | undefined; sweptAt?: Date } = { sweepFrom };
  const covered = isImport ? { coveredFrom: deliverFrom } : {};
  for await (const { messages, next, complete } of listPages(source, ledger, start)) {
    pages += 1;
    for (const { id, receivedAt, fingerprint } of messages) {
      // A date may lie years ahead, too.
      const isYoung = Math.abs(now().getTime() - receivedAt.getTime()) < GRACE_MS;
      if (!isYoung && isEligible(receivedAt, options)) listed.set(id, { messageId: id, receivedAt, fingerprint });
    }
    moved = complete ? { sweepFrom: undefined, sweptAt: now() } : { sweepFrom: next };
    await ledger.renew();
    // A second with more messages than that is read to its end, or the next run would begin it again.
    const isPartDone = pages >= PAGES_PER_RUN && next > start;
    if (isPartDone || now() >= deadline) break;
  }
  const { unknown, gone } = await ledger.compare([...listed.keys()]);
  let returned = 0;
  for (const id of gone) if (await ledger.reinstate(id, now())) returned += 1;
  const missed = [...listed.values()].filter(({ messageId }) => unknown.has(messageId));
  const found = await ledger.record(missed, { ...moved, ...covered });
  if (found + returned > 0) log.warn("reconciled", { mailboxId, found, returned, listed: listed.size });
  return { found, returned, pages };
}

/** Whoever deletes a folder in Outlook moves it into the bin, where it can still be read: its name is what counts. */
async function lookForFolder({ mailboxId, source, ledger, log }: DiscoverOptions): Promise<void> {
  const { folder, link } = ledger.checkpoint;
  const present = await source.folder();
  if (link === undefined || folder === undefined || folder === present) return;
  log.warn("folder replaced", { mailboxId });
  await ledger.record([], { folder: present, link: undefined, circles: undefined, roundBeganAt: undefined });
}
