import { Cron } from "croner";

/** When a timer is due next; `undefined` where it never is. */
export type NextOccurrence = (after: Date) => Date | undefined;

const MONTHS = "january february march april may june july august september october november december".split(" ");
const WEEKDAYS = "sunday monday tuesday wednesday thursday friday saturday".split(" ");
const FIELDS: readonly { readonly least: number; readonly most: number; readonly words?: readonly string[] }[] = [
  { least: 0, most: 59 },
  { least: 0, most: 59 },
  { least: 0, most: 23 },
  { least: 1, most: 31 },
  { least: 1, most: 12, words: MONTHS },
  { least: 0, most: 6, words: WEEKDAYS },
];

/**
 * Reads a schedule as NCrontab.Signed 3.4.0 and the timer do, with all that they let through: ranges are swapped, names
 * are any beginning, a step of nothing is one. Time zone UTC, as on Flex Consumption.
 * https://github.com/atifaziz/NCrontab, https://github.com/Azure/azure-webjobs-sdk-extensions
 * @returns `undefined` where it is none: then the host does not list the function
 */
export function readNcrontab(expression: string): NextOccurrence | undefined {
  // Split at spaces alone; anything but five parts counts as six fields.
  const withSeconds = expression.split(" ").length !== 5;
  const parts = expression.split(" ").filter((part) => part !== "");
  if (parts.length !== (withSeconds ? 6 : 5)) return readTimeSpan(expression);
  const lists = FIELDS.slice(-parts.length).map((field, place) => valuesOf(parts[place] ?? "", field));
  if (lists.includes(undefined)) return undefined;
  const pattern = [...(withSeconds ? [] : ["0"]), ...lists.map((list) => list?.join(","))].join(" ");
  const cron = new Cron(pattern, { paused: true, mode: "6-part", domAndDow: true, timezone: "UTC" });
  return (after) => cron.nextRun(after) ?? undefined;
}

function readTimeSpan(text: string): NextOccurrence | undefined {
  const [, days = 0, ...clock] = /^(?:(\d+)\.)?([01]?\d|2[0-3]):([0-5]?\d):([0-5]?\d)$/.exec(text) ?? [];
  if (clock.length === 0) return undefined;
  const [hours = 0, minutes = 0, seconds = 0] = clock.map(Number);
  const spanMs = (((Number(days) * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000;
  return (after) => new Date(after.getTime() + spanMs);
}

function valuesOf(list: string, field: (typeof FIELDS)[number]): number[] | undefined {
  const { least, most, words = [] } = field;
  const numberOf = (word: string): number => {
    if (/^\d+$/.test(word)) return Number(word) >= least && Number(word) <= most ? Number(word) : Number.NaN;
    const index = word === "" ? -1 : words.findIndex((whole) => whole.startsWith(word.toLowerCase()));
    return index === -1 ? Number.NaN : least + index;
  };
  const values = list.split(",").flatMap((term) => {
    const [, range = "", step] = /^(.+?)(?:\/([+-]?\d{1,9}))?$/.exec(term) ?? [];
    const [from = "", to, ...more] = range === "*" ? [String(least), String(most)] : range.split("-");
    const ends = [numberOf(from), to === undefined ? (step === undefined ? numberOf(from) : most) : numberOf(to)];
    if (more.length > 0 || ends.some(Number.isNaN)) return [Number.NaN];
    const [first, last] = [Math.min(...ends), Math.max(...ends)];
    const every = Math.max(1, Number(step ?? 1));
    return Array.from({ length: Math.floor((last - first) / every) + 1 }, (_, index) => first + index * every);
  });
  return values.some(Number.isNaN) ? undefined : [...new Set(values)].sort((one, other) => one - other);
}
