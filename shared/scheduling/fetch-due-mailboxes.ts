import pLimit from "p-limit";
import type { MailboxRegistry } from "../mailboxes/mailbox.ts";
import { errorFields, type Log } from "../telemetry/log.ts";

/** So many mailboxes for each place side by side are fetched in the tick itself; a larger crowd goes to the queue at once. */
const MAILBOXES_PER_PLACE = 20;
/** Of the tick's budget, one mailbox gets this share; with a backlog it goes on through the queue. */
const SHARE_OF_BUDGET = 1 / 3;

export interface FetchDueDeps {
  readonly registry: Pick<MailboxRegistry, "recordTick" | "due">;
  /** One run for one mailbox; true where work is left. */
  readonly fetchMailbox: (run: { mailboxId: string; deadline: Date }) => Promise<{ readonly more: boolean }>;
  /** Leaves mailboxes that were just found due to other instances; gives how many were taken. */
  readonly queueFetches: (mailboxIds: readonly string[]) => Promise<number>;
  /** Leaves one to them, unless somebody has asked for it since; true where it was taken. */
  readonly queueFetch: (mailboxId: string) => Promise<boolean>;
  readonly budgetMs: number;
  readonly concurrency: number;
  readonly log: Log;
  readonly now: () => Date;
}

/**
 * One tick: fetches the mailboxes that are due, a few side by side, as long as the budget lasts. The queue gets those that
 * are too many from the start, at the end those not begun, and those with work left.
 */
export function createFetchDueMailboxes(deps: FetchDueDeps): () => Promise<void> {
  const { registry, log, now } = deps;

  /** Gives the ids of those that are left. */
  async function fetchHere(mailboxIds: readonly string[], deadline: Date): Promise<string[]> {
    const left: string[] = [];
    const atOnce = pLimit(deps.concurrency);

    async function fetchOne(mailboxId: string): Promise<void> {
      const share = new Date(now().getTime() + deps.budgetMs * SHARE_OF_BUDGET);
      if (now() >= deadline) {
        left.push(mailboxId);
        return;
      }
      try {
        const { more } = await deps.fetchMailbox({ mailboxId, deadline: share < deadline ? share : deadline });
        if (more) left.push(mailboxId);
      } catch (error) {
        // Law 6: its state could not be written. The others go on; this one is due again at the next tick.
        log.error("mailbox fetch failed", { mailboxId, ...errorFields(error) });
      }
    }

    await Promise.all(mailboxIds.map((id) => atOnce(() => fetchOne(id))));
    return left;
  }

  return async function fetchDueMailboxes() {
    const startedAt = now();
    await registry.recordTick(startedAt);
    const due = await registry.due(startedAt);
    log.info("tick started", { due: due.length });

    const ownShare = deps.concurrency * MAILBOXES_PER_PLACE;
    const deadline = new Date(startedAt.getTime() + deps.budgetMs);
    const [queuedAtOnce, left] = await Promise.all([
      deps.queueFetches(due.slice(ownShare)),
      fetchHere(due.slice(0, ownShare), deadline),
    ]);
    const atOnce = pLimit(deps.concurrency);
    const taken = await Promise.all(left.map((id) => atOnce(() => deps.queueFetch(id))));
    const queued = queuedAtOnce + taken.filter(Boolean).length;
    log.info("tick finished", { due: due.length, queued, durationMs: now().getTime() - startedAt.getTime() });
  };
}
