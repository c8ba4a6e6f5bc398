import pLimit from "p-limit";
import { z } from "zod";
import type { MailboxRegistry } from "../mailboxes/mailbox.ts";
import { updateLatest } from "../mailboxes/update-latest.ts";
import { isDue } from "../platform/due.ts";
import { errorFields, type Log } from "../telemetry/log.ts";

/** The queue that the function `fetch-mailbox` listens to. */
export const FETCHES_QUEUE = "mailbox-fetches";

/** A message of the queue names the mailbox, and what caused it; what is true is in the tables. */
export interface MailboxFetch {
  readonly mailboxId: string;
  /** The span that asked for the fetch, so that the two are found together. */
  readonly traceparent?: string | undefined;
}

/**
 * Reads what the queue's trigger gives: the message, parsed by the host's worker where it is JSON. The queue carries plain
 * text (`messageEncoding` in host.json): a body in base64 that cannot be decoded would reach no function at all. Those of
 * version 0.1.0 are in base64. `undefined` where it names no mailbox.
 */
export function readMailboxFetch(body: unknown): MailboxFetch | undefined {
  const { success, data } = MAILBOX_FETCH.safeParse(typeof body === "string" ? parseBase64(body) : body);
  return success ? data : undefined;
}

const MAILBOX_FETCH = z.object({ mailboxId: z.string().min(1), traceparent: z.string().optional() });

function parseBase64(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, "base64").toString());
  } catch {
    // Whatever it is, it is no message of ours; the caller says so.
    return undefined;
  }
}

/**
 * A message lives this long, and so long its mailbox counts as queued: there is never more than one message for a
 * mailbox, however long the queue is, and one that is lost holds its mailbox up no longer than this.
 */
const QUEUED_SECONDS = 15 * 60;
/** What one transaction of Table Storage marks. */
const GROUP = 100;
const GROUPS_AT_ONCE = 4;

/** Where the fetches wait that some other instance shall make. */
export interface FetchQueue {
  /** A message for each; those that could not be sent come back, with the reason. */
  send(
    mailboxIds: readonly string[],
    lifeSeconds: number,
  ): Promise<{ readonly unsent: readonly string[]; readonly error?: unknown }>;
}

export interface QueueFetchesDeps {
  readonly registry: Pick<MailboxRegistry, "markQueued">;
  readonly queue: FetchQueue;
  readonly log: Log;
  readonly now: () => Date;
}

/**
 * Hands mailboxes that were found due a moment ago to the queue, first the mark on the mailbox, then its message: the
 * other way round a quick run could end before its mark is made. Gives how many are queued. It does not throw: whoever is
 * left out is due at the next tick.
 */
export function createQueueFetches({ registry, queue, log, now }: QueueFetchesDeps) {
  return async function queueFetches(mailboxIds: readonly string[]): Promise<number> {
    let queued = 0;
    let failed = false;

    async function queueGroup(group: readonly string[]): Promise<void> {
      if (failed) return;
      try {
        const marked = await registry.markQueued(group, new Date(now().getTime() + QUEUED_SECONDS * 1_000));
        const { unsent, error } = await queue.send(marked, QUEUED_SECONDS);
        queued += marked.length - unsent.length;
        if (unsent.length === 0) return;
        await registry.markQueued(unsent, undefined);
        throw error;
      } catch (error) {
        if (!failed) log.error("fetches not queued", errorFields(error));
        failed = true;
      }
    }

    const atOnce = pLimit(GROUPS_AT_ONCE);
    const groups = Array.from({ length: Math.ceil(mailboxIds.length / GROUP) }, (_, index) =>
      mailboxIds.slice(index * GROUP, (index + 1) * GROUP),
    );
    await Promise.all(groups.map((group) => atOnce(() => queueGroup(group))));
    return queued;
  };
}

export interface QueueFetchDeps extends Omit<QueueFetchesDeps, "registry"> {
  readonly registry: MailboxRegistry;
}

/**
 * Hands one mailbox to the queue: because somebody asked for it, or because work is left. Nothing happens where it is not
 * connected, or where a message for it waits already: the mark is made by its ETag, so that of several who ask at one
 * moment one sends. Gives whether it did. It does not throw: the mailbox is due at the next tick.
 */
export function createQueueFetch({ registry, queue, log, now }: QueueFetchDeps) {
  return async function queueFetch(mailboxId: string): Promise<boolean> {
    const queuedUntil = new Date(now().getTime() + QUEUED_SECONDS * 1_000);
    try {
      const outcome = await updateLatest(registry, mailboxId, (mailbox) =>
        mailbox.status === "connected" && isDue(mailbox.queuedUntil, now()) ? { queuedUntil } : undefined,
      );
      if (outcome !== "updated") return false;
      const { unsent, error } = await queue.send([mailboxId], QUEUED_SECONDS);
      if (unsent.length === 0) return true;
      await registry.markQueued(unsent, undefined);
      throw error;
    } catch (error) {
      log.error("fetches not queued", { mailboxId, ...errorFields(error) });
      return false;
    }
  };
}
