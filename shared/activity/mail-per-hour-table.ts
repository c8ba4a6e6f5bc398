import { odata } from "@azure/data-tables";
import { RowChangedError } from "../platform/errors.ts";
import { etagOf, isLostRace, type Table, unlessAbsent } from "../platform/tables-azure.ts";
import type { MailPerHour } from "./activity.ts";

/** The partition with a row per mailbox, so that one query gives all of them. */
export const MAIL_PER_HOUR = "mail-per-hour";

const HOUR_MS = 3_600_000;
const HOURS_SHOWN = 24;
/** Two runs of one mailbox seldom meet here: a lease keeps them apart. */
const ATTEMPTS = 5;

interface HoursRow {
  partitionKey: string;
  rowKey: string;
  /** JSON: the number of mails by the hour in which they were delivered, such as {"2026-11-23T14":5}. */
  hours: string;
  lastHour: string;
  /** The note that was counted last: a write whose answer was lost must not count twice. */
  lastNote: string;
}

interface Delivered {
  readonly mailboxId: string;
  readonly delivered: number;
  readonly note: string;
  readonly at: Date;
}

/** Adds to the mail of the running hour, and drops the hours that are over. */
export async function countMail(client: Table, { mailboxId, delivered, note, at }: Delivered): Promise<void> {
  const key = { partitionKey: MAIL_PER_HOUR, rowKey: mailboxId };
  for (let attempt = 1; ; attempt += 1) {
    const row = await unlessAbsent(client.getEntity<HoursRow>(MAIL_PER_HOUR, mailboxId));
    if (row?.lastNote === note) return;
    const hours = new Map(Object.entries(row === undefined ? {} : countsIn(row)));
    const hour = hourOf(at);
    hours.set(hour, (hours.get(hour) ?? 0) + delivered);
    const shown = new Set(shownHours(at).map(hourOf));
    const kept = Object.fromEntries([...hours].filter(([name]) => shown.has(name)));
    const changed: HoursRow = { ...key, hours: JSON.stringify(kept), lastHour: hour, lastNote: note };
    try {
      if (row === undefined) await client.createEntity(changed);
      else await client.updateEntity(changed, "Replace", { etag: etagOf(row) });
      return;
    } catch (error) {
      if (!isLostRace(error)) throw error;
      if (attempt === ATTEMPTS) throw new RowChangedError(`The mail per hour of ${mailboxId}`, { cause: error });
    }
  }
}

/** One query, whatever the number of mailboxes (a page of it has a thousand). */
export async function readMailPerHour(client: Table, now: Date): Promise<MailPerHour> {
  const hours = shownHours(now);
  const names = hours.map(hourOf);
  const byMailbox = new Map<string, number[]>();
  const filter = odata`PartitionKey eq ${MAIL_PER_HOUR} and lastHour ge ${names[0] ?? ""}`;
  for await (const row of client.listEntities<HoursRow>({ queryOptions: { filter } })) {
    const counts = countsIn(row);
    byMailbox.set(
      row.rowKey,
      names.map((name) => counts[name] ?? 0),
    );
  }
  const total = names.map((_, index) => [...byMailbox.values()].reduce((sum, counts) => sum + (counts[index] ?? 0), 0));
  return { hours, total, byMailbox };
}

/** Removes the rows of mailboxes that had no mail for a day, or are gone. */
export async function forgetMail(client: Table, now: Date): Promise<void> {
  const first = shownHours(now).map(hourOf)[0] ?? "";
  const filter = odata`PartitionKey eq ${MAIL_PER_HOUR} and lastHour lt ${first}`;
  const old: HoursRow[] = [];
  for await (const row of client.listEntities<HoursRow>({ queryOptions: { filter } })) old.push(row);
  for (const { rowKey } of old) await unlessAbsent(client.deleteEntity(MAIL_PER_HOUR, rowKey));
}

function countsIn({ hours }: HoursRow): Record<string, number> {
  return JSON.parse(hours) as Record<string, number>;
}

/** "2026-11-23T14": in UTC, so that names compare as times do. */
function hourOf(at: Date): string {
  return at.toISOString().slice(0, "2026-11-23T14".length);
}

function shownHours(now: Date): Date[] {
  const running = Math.floor(now.getTime() / HOUR_MS) * HOUR_MS;
  return Array.from({ length: HOURS_SHOWN }, (_, index) => new Date(running - (HOURS_SHOWN - 1 - index) * HOUR_MS));
}
