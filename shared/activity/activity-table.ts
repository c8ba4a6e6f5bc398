import { randomUUID } from "node:crypto";
import { odata, type TransactionAction } from "@azure/data-tables";
import { deleteRows, type Tables } from "../platform/tables-azure.ts";
import { withTimeout } from "../platform/with-timeout.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import type { Activity, ActivityEvent, NotedActivityEvent } from "./activity.ts";
import { countMail, forgetMail, MAIL_PER_HOUR, readMailPerHour } from "./mail-per-hour-table.ts";

const KEPT_MS = 30 * 24 * 3_600_000;
/** Of each mailbox, so many are kept at most. */
const KEPT_AT_MOST = 500;
/** A run has delivered its mail when it notes that, and others wait for it. */
const NOTE_LIMIT_MS = 5_000;
/** Times count down from here in the keys, because a table lists its rows in ascending order only. */
const END_OF_TIME_MS = 9_999_999_999_999;

interface ActivityRow {
  partitionKey: string;
  rowKey: string;
  at: string;
  /** JSON. */
  happening: string;
}

export interface ActivityOptions {
  readonly tables: Tables;
  readonly noteLimitMs?: number;
  readonly log: Log;
  readonly now: () => Date;
}

/**
 * Keeps what happened in the table Activity: a partition per mailbox, the newest first, and a partition with a row per
 * mailbox for the mail per hour.
 */
export function createActivity({ tables, noteLimitMs = NOTE_LIMIT_MS, log, now }: ActivityOptions): Activity {
  const table = () => tables("Activity");

  async function write(mailboxId: string, events: readonly ActivityEvent[]): Promise<void> {
    const client = await table();
    const at = now();
    const note = randomUUID();
    const rows = events.map((event, index): TransactionAction => {
      // The last one of several comes first.
      const rowKey = `${keyOfTime(at)}_${String(99 - index).padStart(2, "0")}_${note}`;
      const row = { partitionKey: mailboxId, rowKey, at: at.toISOString(), happening: JSON.stringify(event) };
      return ["upsert", row, "Replace"];
    });
    await client.submitTransaction(rows);
    const delivered = events.reduce((sum, one) => sum + (one.kind === "delivered" ? one.count : 0), 0);
    if (delivered > 0) await countMail(client, { mailboxId, delivered, note, at });
  }

  return {
    async note(mailboxId, ...events) {
      if (events.length === 0) return;
      try {
        await withTimeout(noteLimitMs, write(mailboxId, events));
      } catch (error) {
        log.warn("activity not noted", { mailboxId, ...errorFields(error) });
      }
    },

    async list(mailboxId, limit) {
      const client = await table();
      const filter = odata`PartitionKey eq ${mailboxId}`;
      const found: NotedActivityEvent[] = [];
      for await (const row of client.listEntities<ActivityRow>({ queryOptions: { filter } })) {
        found.push({ ...(JSON.parse(row.happening) as ActivityEvent), at: new Date(row.at) });
        if (found.length >= limit) break;
      }
      return found;
    },

    async mailPerHour() {
      return readMailPerHour(await table(), now());
    },

    async purge() {
      const client = await table();
      const oldest = keyOfTime(new Date(now().getTime() - KEPT_MS));
      // One walk over all rows finds those of removed mailboxes too.
      const queryOptions = { filter: odata`PartitionKey ne ${MAIL_PER_HOUR}`, select: ["partitionKey", "rowKey"] };
      const over = new Map<string, string[]>();
      let partition = "";
      let seen = 0;
      for await (const { partitionKey, rowKey } of client.listEntities<ActivityRow>({ queryOptions })) {
        seen = partitionKey === partition ? seen + 1 : 1;
        partition = partitionKey;
        if (seen > KEPT_AT_MOST || rowKey > oldest) push(over, partition, rowKey);
      }
      for (const [partitionKey, rowKeys] of over) await deleteRows(client, partitionKey, rowKeys);
      await forgetMail(client, now());
      return [...over.values()].reduce((sum, { length }) => sum + length, 0);
    },

    async forget(mailboxId) {
      const client = await table();
      const queryOptions = { filter: odata`PartitionKey eq ${mailboxId}`, select: ["partitionKey", "rowKey"] };
      const keys: string[] = [];
      for await (const { rowKey } of client.listEntities<ActivityRow>({ queryOptions })) keys.push(rowKey);
      await deleteRows(client, mailboxId, keys);
    },
  };
}

function push(lists: Map<string, string[]>, key: string, value: string): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

function keyOfTime(at: Date): string {
  return String(END_OF_TIME_MS - at.getTime()).padStart(13, "0");
}
