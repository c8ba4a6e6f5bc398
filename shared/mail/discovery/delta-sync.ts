import type { Refusal } from "../message-source.ts";
import { ChangesRefusedError, SyncStateLostError } from "../message-source.ts";
import { detectCycle } from "./cycle-detection.ts";
import type { DiscoverOptions } from "./discover-options.ts";
import { eligibleIn } from "./eligibility.ts";

interface DeltaSync {
  readonly discovered: number;
  readonly pages: number;
  /** True where the deadline came before the end of the round. */
  readonly more: boolean;
  /** Why the round did not come to its end, and will not. */
  readonly refusal: Refusal | undefined;
}

const SWEEP_NOW = { sweepFrom: undefined, sweptAt: new Date(0) };
const START = { link: undefined, circles: undefined, roundBeganAt: undefined };

/**
 * Reads the changes of the folder, page by page: first the page's messages into the ledger, then the checkpoint. A
 * message that was seen is thereby never lost, and one that is seen again is known.
 */
export async function syncDelta(options: DiscoverOptions): Promise<DeltaSync> {
  const { mailboxId, source, ledger, deliverFrom, deadline, now, log } = options;
  let position: Pick<typeof ledger.checkpoint, keyof typeof START> = ledger.checkpoint;
  let discovered = 0;
  let pages = 0;
  let isAnew = false;
  for (;;) {
    const { link, circles, roundBeganAt = now() } = position;
    try {
      const page = await source.changes(link);
      pages += 1;
      const { memory, isCycle } = detectCycle(circles, page, link);
      const folder = link === undefined ? { folder: await source.folder(), coveredFrom: deliverFrom } : {};
      const { entries, needsSweep } = await eligibleIn(page, options);
      const sweep = needsSweep ? SWEEP_NOW : {};
      if (page.complete) {
        const { sweptAt = now() } = ledger.checkpoint;
        const ended = { ...START, link: page.link, completeUntil: roundBeganAt, sweptAt };
        discovered += await ledger.record(entries, { ...folder, ...ended, ...sweep });
        return { discovered, pages, more: false, refusal: undefined };
      }
      // Law 1: the page's messages and the link behind it are one record; no link is stored ahead of its messages.
      position = isCycle ? START : { link: page.link, circles: memory, roundBeganAt };
      discovered += await ledger.record(entries, { ...folder, ...position, ...sweep });
      if (isCycle) return { discovered, pages, more: false, refusal: "no-end" };
      if (now() >= deadline) return { discovered, pages, more: true, refusal: undefined };
    } catch (error) {
      if (error instanceof ChangesRefusedError) return { discovered, pages, more: false, refusal: error.because };
      if (!(error instanceof SyncStateLostError)) throw error;
      // Once in a run: where Graph forgets each position at once, a walk has no end.
      if (isAnew) return { discovered, pages, more: false, refusal: "no-end" };
      isAnew = true;
      position = START;
      log.warn("resync started", { mailboxId, message: error.message });
    }
  }
}
