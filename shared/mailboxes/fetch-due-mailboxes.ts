import pLimit from "p-limit";
import { errorFields, type Log } from "../telemetry/log.ts";
import type { MailboxRegistry } from "./mailbox.ts";

export interface FetchDueDeps {
  readonly registry: MailboxRegistry;
  /** One run for one mailbox; true where work is left. */
  readonly fetchMailbox: (run: { mailboxId: string; deadline: Date }) => Promise<{ readonly more: boolean }>;
  readonly budgetMs: number;
  readonly concurrency: number;
  readonly log: Log;
  readonly now: () => Date;
}

/**
 * One tick: fetches the mailboxes that are due, a few side by side, as long as the budget lasts.
 * Gives the ids that are left for the queue: those not begun, and those with work left.
 */
export function createFetchDueMailboxes(deps: FetchDueDeps): () => Promise<readonly string[]> {
  const { registry, log, now } = deps;

  return async function fetchDueMailboxes() {
    const startedAt = now();
    const deadline = new Date(startedAt.getTime() + deps.budgetMs);
    await registry.recordTick(startedAt);
    const due = await registry.due(startedAt);
    log.info("tick started", { due: due.length });

    const left: string[] = [];
    const atOnce = pLimit(deps.concurrency);
    await Promise.all(
      due.map(({ id }) =>
        atOnce(async () => {
          if (now() >= deadline) {
            left.push(id);
            return;
          }
          try {
            if ((await deps.fetchMailbox({ mailboxId: id, deadline })).more) left.push(id);
          } catch (error) {
            // Its state could not be written. The others go on; this one is due again at the next tick.
            log.error("mailbox fetch failed", { mailboxId: id, ...errorFields(error) });
          }
        }),
      ),
    );
    log.info("tick finished", {
      due: due.length,
      queued: left.length,
      durationMs: now().getTime() - startedAt.getTime(),
    });
    return left;
  };
}
