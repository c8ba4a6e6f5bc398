import { setTimeout } from "node:timers/promises";
import type { Binding } from "./functions-core.ts";
import { FunctionFaultError, type Settings } from "./host-config.ts";
import type { Invoker } from "./host-invocations.ts";
import { type NextOccurrence, readNcrontab } from "./ncrontab.ts";

/** Real time between two looks at the (simulated) clock: it may jump at any moment. */
const CLOCK_CHECK_MS = 100;

export interface TimerFunctions {
  add(functionName: string, trigger: Binding): void;
  /** One run now; rejects when it fails. */
  run(functionName: string, options?: { isPastDue?: boolean }): Promise<void>;
  nextRun(functionName: string, after: Date): Date;
  /** Follows the clock until the signal; resolves when the last run has ended. */
  follow(signal: AbortSignal): Promise<void>;
}

/** https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer */
export function createTimerFunctions(invoker: Invoker, settings: Settings): TimerFunctions {
  const timers = new Map<string, { schedule: NextOccurrence; lastRun: Date | undefined }>();

  function timerNamed(name: string) {
    const timer = timers.get(name);
    if (timer === undefined) throw new Error(`No timer function '${name}' is available`);
    return timer;
  }

  async function run(name: string, { isPastDue = false } = {}): Promise<void> {
    const timer = timerNamed(name);
    const startedAt = new Date();
    try {
      await invoker.invoke(name, {
        data: { json: JSON.stringify(timerInfo(timer.lastRun, nextAfter(timer.schedule, startedAt), isPastDue)) },
        reason: `Timer fired at ${startedAt.toISOString()}`,
      });
    } finally {
      timer.lastRun = startedAt;
    }
  }

  async function followOne(name: string, signal: AbortSignal): Promise<void> {
    const { schedule } = timerNamed(name);
    let due = nextAfter(schedule, new Date());
    let lastEndedAt = 0;
    while (!signal.aborted) {
      const startedAt = new Date();
      if (startedAt >= due) {
        // Occurrences that passed while nothing ran (the clock jumped, or the app slept) make one late run; those that
        // passed during the run before make one run at once, which the host does not call late.
        const wasRunningWhenDue = due.getTime() <= lastEndedAt;
        const isPastDue = !wasRunningWhenDue && nextAfter(schedule, due) <= startedAt;
        // A failed run is in the log and in the invocations; the host waits for the next occurrence.
        await run(name, { isPastDue }).catch(() => undefined);
        lastEndedAt = Date.now();
        due = nextAfter(schedule, startedAt);
      } else {
        await setTimeout(CLOCK_CHECK_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  return {
    add: (name, trigger) => {
      const schedule = parseSchedule(settings.resolve(String(trigger.schedule ?? "")));
      timers.set(name, { schedule, lastRun: undefined });
    },
    run,
    nextRun: (name, after) => nextAfter(timerNamed(name).schedule, after),
    follow: async (signal) => {
      await Promise.all([...timers.keys()].map((name) => followOne(name, signal)));
    },
  };
}

function parseSchedule(expression: string): NextOccurrence {
  const schedule = readNcrontab(expression);
  if (schedule !== undefined) return schedule;
  throw new FunctionFaultError(
    `The schedule expression '${expression}' was not recognized as a valid cron expression or timespan string.`,
  );
}

function nextAfter(schedule: NextOccurrence, after: Date): Date {
  const next = schedule(after);
  if (next === undefined) throw new Error("The schedule has no further occurrence");
  return next;
}

/** As the host sends it; the library turns the first letters into lower case. */
function timerInfo(last: Date | undefined, next: Date, isPastDue: boolean) {
  const lastRun = (last ?? new Date(0)).toISOString();
  return {
    Schedule: { AdjustForDST: true },
    ScheduleStatus: { Last: lastRun, Next: next.toISOString(), LastUpdated: lastRun },
    IsPastDue: isPastDue,
  };
}
