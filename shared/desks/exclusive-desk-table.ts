import { createHash } from "node:crypto";
import pLimit from "p-limit";
import { isDue } from "../platform/due.ts";
import { etagOf, isLostRace, type Tables, unlessAbsent } from "../platform/tables-azure.ts";
import type { Delivery, Desk, DeskAnswer } from "./desk.ts";
import { DESK_TIMEOUT_MS, deskUnavailable } from "./post.ts";

const PARTITION = "desk";
/** A lock that was not released, or not prolonged, is over after this. */
const LOCK_MS = 150_000;
/**
 * While a message goes out, its lock is prolonged before a piece, where it is older than this. What is left then is longer
 * than the longest wait for the desk, storage's own time included.
 */
const PROLONG_AFTER_MS = 15_000;
/** How often a run looks whether the desk is free, and how often before it leaves the message to the next run. */
const POLL_MS = 250;
const POLLS = 80;

class LockLostError extends Error {
  constructor(options?: ErrorOptions) {
    super("its lock on the desk could not be prolonged in time", options);
  }
}

export interface ExclusiveDeskOptions {
  readonly desk: Desk;
  /** Of its site. Two desks of the configuration with one address are one desk. */
  readonly url: string;
  readonly tables: Tables;
  readonly now: () => Date;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

/**
 * The desk with one delivery at a time, over all instances of the app: one row in the table Mailboxes is held by its ETag
 * for as long as a delivery lasts. For desks that look for a known message and then insert, without a unique key.
 */
export function createExclusiveDesk({ desk, url, tables, now, random, sleep }: ExclusiveDeskOptions): Desk {
  const inThisProcess = pLimit(1);
  // A row's key holds no slash.
  const rowKey = createHash("sha256").update(url).digest("hex");
  /** Of the row as this process left it; saves reading it while nobody else delivers. */
  let lastEtag: string | undefined;

  const lockFromNow = () => {
    return { partitionKey: PARTITION, rowKey, heldUntil: new Date(now().getTime() + LOCK_MS).toISOString() };
  };

  async function acquire(): Promise<string | undefined> {
    const client = await tables("Mailboxes");
    const lock = lockFromNow();
    try {
      if (lastEtag === undefined) {
        const row = await unlessAbsent(client.getEntity<{ heldUntil: string }>(PARTITION, rowKey));
        if (row === undefined) return etagOf(await client.createEntity(lock));
        if (!isDue(row.heldUntil, now())) return undefined;
        lastEtag = etagOf(row);
      }
      return etagOf(await client.updateEntity(lock, "Replace", { etag: lastEtag }));
    } catch (error) {
      if (isLostRace(error)) return undefined;
      throw error;
    } finally {
      lastEtag = undefined;
    }
  }

  async function prolong(etag: string): Promise<string> {
    try {
      const client = await tables("Mailboxes");
      return etagOf(await client.updateEntity(lockFromNow(), "Replace", { etag }));
    } catch (error) {
      throw new LockLostError({ cause: error });
    }
  }

  async function release(etag: string): Promise<void> {
    try {
      const client = await tables("Mailboxes");
      const free = { partitionKey: PARTITION, rowKey, heldUntil: "" };
      lastEtag = etagOf(await client.updateEntity(free, "Replace", { etag }));
    } catch {
      // The desk's answer must not be lost over this: the lock runs out by itself, or has done so already.
      lastEtag = undefined;
    }
  }

  async function deliverLocked(delivery: Delivery): Promise<DeskAnswer> {
    for (let poll = 0; poll < POLLS && now() < delivery.offerUntil; poll += 1) {
      const askedAt = now().getTime();
      let etag = await acquire();
      if (etag === undefined) {
        await sleep(POLL_MS * (0.5 + random()));
        continue;
      }
      let prolongedAt = askedAt;
      const onProgress = async () => {
        const at = now().getTime();
        if (at - prolongedAt < PROLONG_AFTER_MS) return;
        // Where the lock is lost, or storage took too long, the rest of the message must not go out.
        etag = await prolong(etag ?? "");
        if (now().getTime() - at >= LOCK_MS - DESK_TIMEOUT_MS - PROLONG_AFTER_MS) throw new LockLostError();
        prolongedAt = at;
      };
      try {
        // Storage may take its time: a lock that could end before the desk's answer is not used.
        if (now().getTime() - askedAt < LOCK_MS - DESK_TIMEOUT_MS)
          return await desk.deliver({ ...delivery, onProgress });
      } finally {
        await release(etag);
      }
    }
    return deskUnavailable(
      "BUSY",
      "Other runs have been delivering to it all the time; the next run goes on",
      undefined,
      false,
    );
  }

  return {
    concurrency: 1,
    maxMessageBytes: desk.maxMessageBytes,
    deliver: (delivery) => inThisProcess(() => deliverLocked(delivery)),
  };
}
