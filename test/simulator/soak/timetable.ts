import type { Clock } from "../clock.ts";
import type { FunctionsHost } from "../host/functions-host.ts";

/** Deskpost's timer functions. */
type TimerFunction = "fetch-mail" | "keep-tokens";

const TIMERS: readonly TimerFunction[] = ["fetch-mail", "keep-tokens"];

/** Runs the timer functions of a host when the simulated clock says so, one after the other, and then the queues. */
export interface Timetable {
  /** The next run of any timer. */
  readonly next: { readonly functionName: TimerFunction; readonly at: number };
  /** Runs what is due, once each; occurrences that were missed make one late run, as on the real platform. */
  runDue(): Promise<void>;
  /** Jumps to the next run and makes it. */
  step(): Promise<void>;
  /** Runs this timer now, on time or not. */
  run(functionName: TimerFunction): Promise<void>;
}

export interface TimetableDeps {
  readonly clock: Clock;
  readonly host: Pick<FunctionsHost, "runTimer" | "nextTimerRun" | "drainQueues">;
}

export function createTimetable({ clock, host }: TimetableDeps): Timetable {
  const dueAt = new Map(TIMERS.map((name) => [name, nextRun(name)]));

  function nextRun(name: TimerFunction, after = clock.now()): number {
    return host.nextTimerRun(name, new Date(after)).getTime();
  }

  /** A storage that does not answer is asked again at the next run. */
  async function drainQueues(): Promise<void> {
    await host.drainQueues().catch(() => undefined);
  }

  async function run(name: TimerFunction): Promise<void> {
    const startedAt = clock.now();
    const due = dueAt.get(name) ?? startedAt;
    const isPastDue = due <= startedAt && nextRun(name, due) <= startedAt;
    // A run that fails is in the log and among the invocations; the host waits for the next occurrence.
    await host.runTimer(name, { isPastDue }).catch(() => undefined);
    dueAt.set(name, nextRun(name, startedAt));
    await drainQueues();
  }

  function next(): Timetable["next"] {
    const [first] = [...dueAt].map(([functionName, at]) => ({ functionName, at })).sort((a, b) => a.at - b.at);
    if (first === undefined) throw new Error("There is no timer function");
    return first;
  }

  return {
    get next() {
      return next();
    },
    run,
    runDue: async () => {
      for (const name of TIMERS) if ((dueAt.get(name) ?? 0) <= clock.now()) await run(name);
      await drainQueues();
    },
    step: async () => {
      const { functionName, at } = next();
      clock.advanceTo(at);
      await run(functionName);
    },
  };
}
