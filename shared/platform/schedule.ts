interface Field {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  /** From the least value on. */
  readonly words?: readonly string[];
}

const MINUTES_TO_MONTHS: readonly Field[] = [
  { name: "minute", least: 0, most: 59 },
  { name: "hour", least: 0, most: 23 },
  { name: "day of the month", least: 1, most: 31 },
  {
    name: "month",
    least: 1,
    most: 12,
    words: "january february march april may june july august september october november december".split(" "),
  },
];
const SECOND: Field = { name: "second", least: 0, most: 59 };
const WEEKDAY: Field = {
  name: "day of the week",
  least: 0,
  most: 6,
  words: "sunday monday tuesday wednesday thursday friday saturday".split(" "),
};
const FIELDS = [SECOND, ...MINUTES_TO_MONTHS, WEEKDAY];
/** In a leap year. */
const DAYS_OF_MONTHS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** `TimeSpan` of .NET, days, hours, minutes, seconds. It reads 24:00:00 as 24 days, and 5 as five. */
const TIME_SPAN = /^(?:\d{1,3}\.)?(?:[01]?\d|2[0-3]):[0-5]?\d:[0-5]?\d$/;

const INSTEAD = "put for instance 0 */5 * * * *";

/** A schedule as the timer is to get it, or what is wrong with it and what to put there. */
export type Schedule = { readonly expression: string } | { readonly fault: string };

/**
 * Reads a schedule of the timer trigger: NCRONTAB of six fields, seconds first, or of five, minutes first, where all
 * fields must fit, days of the month and of the week too; or a time span. What the timer takes and reads as something
 * else than it says is refused. White space becomes single spaces: at a tab or a line end the host lists no function.
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions
 */
export function readSchedule(text: string): Schedule {
  const parts = text.trim().split(/\s+/);
  const expression = parts.join(" ");
  if (TIME_SPAN.test(expression) && /[1-9]/.test(expression)) return { expression };
  if (parts.length !== 5 && parts.length !== 6) {
    return {
      fault: `"${text}" is neither NCRONTAB of six or five fields nor a time span such as 00:05:00; ${INSTEAD}`,
    };
  }
  try {
    const values = FIELDS.slice(-parts.length).map((field, place) => valuesOf(parts[place] ?? "", field));
    const [days = [], months = []] = values.slice(-3);
    const comes = months.some((month) => days.some((day) => day <= (DAYS_OF_MONTHS[month - 1] ?? 0)));
    if (!comes) throw new ScheduleFault("has a day that none of its months has: it would never come");
    return { expression };
  } catch (error) {
    if (error instanceof ScheduleFault) return { fault: `"${text}" ${error.message}; ${INSTEAD}` };
    throw error;
  }
}

class ScheduleFault extends Error {}

/** @throws {ScheduleFault} */
function valuesOf(list: string, field: Field): number[] {
  return list.split(",").flatMap((term) => {
    const [, all, from = "", to, step] = /^(?:(\*)|(\w+)(?:-(\w+))?)(?:\/(\d{1,9}))?$/.exec(term) ?? [];
    if (all === undefined && from === "") throw new ScheduleFault(`has "${term}" for the ${field.name}`);
    if (Number(step) === 0) throw new ScheduleFault(`has a step of none in "${term}", which the timer reads as 1`);
    const first = all ? field.least : numberOf(from, field);
    const alone = step === undefined && all === undefined ? first : field.most;
    const last = to === undefined ? alone : numberOf(to, field);
    if (first > last) {
      throw new ScheduleFault(
        `runs backwards in "${term}", which the timer swaps without a word: list the values instead`,
      );
    }
    const every = Number(step ?? 1);
    return Array.from({ length: Math.floor((last - first) / every) + 1 }, (_, index) => first + index * every);
  });
}

/** @throws {ScheduleFault} */
function numberOf(word: string, { name, least, most, words = [] }: Field): number {
  if (/^\d{1,9}$/.test(word)) {
    const value = Number(word);
    if (value >= least && value <= most) return value;
    throw new ScheduleFault(`has ${value} for the ${name}, which goes from ${least} to ${most}`);
  }
  // The timer takes a single letter as well, the first that fits: J for January, T for Tuesday.
  const index = word.length < 3 ? -1 : words.findIndex((whole) => whole.startsWith(word.toLowerCase()));
  if (index === -1) throw new ScheduleFault(`has "${word}" for the ${name}`);
  return least + index;
}
