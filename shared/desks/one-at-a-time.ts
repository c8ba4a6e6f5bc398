import { createHash } from "node:crypto";
import pLimit from "p-limit";
import { isReached } from "../reached.ts";
import { etagOf, isLostRace, type Tables, unlessAbsent } from "../tables.ts";
import type { Delivery, Desk, DeskAnswer } from "./desk.ts";
import { DESK_TIMEOUT_MS, deskIll } from "./post.ts";

const PARTITION = "desk";
/** Longer than the longest wait for a desk: a turn that was not given back is over after this. */
const TURN_MS = 150_000;
/** How often a run looks whether the desk is free, and how often before it leaves the message to the next run. */
const POLL_MS = 250;
const POLLS = 80;

export interface OneAtATimeOptions {
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
export function oneAtATime({ desk, url, tables, now, random, sleep }: OneAtATimeOptions): Desk {
  const inThisProcess = pLimit(1);
  // A row's key holds no slash.
  const rowKey = createHash("sha256").update(url).digest("hex");
  /** Of the row as this process left it; saves reading it while nobody else delivers. */
  let lastEtag: string | undefined;

  async function take(): Promise<string | undefined> {
    const client = await tables("Mailboxes");
    const heldUntil = new Date(now().getTime() + TURN_MS).toISOString();
    const turn = { partitionKey: PARTITION, rowKey, heldUntil };
    try {
      if (lastEtag === undefined) {
        const row = await unlessAbsent(client.getEntity<{ heldUntil: string }>(PARTITION, rowKey));
        if (row === undefined) return etagOf(await client.createEntity(turn));
        if (!isReached(row.heldUntil, now())) return undefined;
        lastEtag = etagOf(row);
      }
      return etagOf(await client.updateEntity(turn, "Replace", { etag: lastEtag }));
    } catch (error) {
      if (isLostRace(error)) return undefined;
      throw error;
    } finally {
      lastEtag = undefined;
    }
  }

  async function giveBack(etag: string): Promise<void> {
    try {
      const client = await tables("Mailboxes");
      const free = { partitionKey: PARTITION, rowKey, heldUntil: "" };
      lastEtag = etagOf(await client.updateEntity(free, "Replace", { etag }));
    } catch {
      // The desk's answer must not be lost over this: the turn runs out by itself, or has done so already.
      lastEtag = undefined;
    }
  }

  async function inTurn(delivery: Delivery): Promise<DeskAnswer> {
    for (let poll = 0; poll < POLLS && now() < delivery.offerUntil; poll += 1) {
      const askedAt = now().getTime();
      const etag = await take();
      if (etag === undefined) {
        await sleep(POLL_MS * (0.5 + random()));
        continue;
      }
      try {
        // Storage may take its time: a turn that could end before the desk's answer is not used.
        if (now().getTime() - askedAt < TURN_MS - DESK_TIMEOUT_MS) return await desk.deliver(delivery);
      } finally {
        await giveBack(etag);
      }
    }
    return deskIll(
      "BUSY",
      "Other runs have been delivering to it all the time; the next run goes on",
      undefined,
      false,
    );
  }

  return {
    concurrency: 1,
    maxMessageBytes: desk.maxMessageBytes,
    deliver: (delivery) => inThisProcess(() => inTurn(delivery)),
  };
}
