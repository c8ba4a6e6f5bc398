import type { EventLoopUtilization } from "node:perf_hooks";
import { setImmediate, setTimeout } from "node:timers/promises";

/** Nobody has asked for so long, and the product's thread had nothing to do: all are waiting for an answer. */
const QUIET_MS = 2;
/** Of that time, a thread that waits is still awake for so long. */
const AWAKE_MS = 0.2;

export interface PacedLatencyOptions {
  /** How much the product's thread has worked since the last look. */
  readonly workedSince: (before: EventLoopUtilization | undefined) => EventLoopUtilization;
  /** Milliseconds that have passed so far; another thread reads its clock from here. */
  readonly elapsed: Float64Array<SharedArrayBuffer>;
}

/** Lets requests wait in a time of its own, which goes on only when everybody waits. */
export interface PacedLatency {
  wait(ms: number): Promise<void>;
}

/**
 * Plays latencies without the machine's own: time jumps to the next answer as soon as nobody works any more. So the
 * figure is the same on a fast machine and on a busy one, and tells what waiting costs; work is measured apart.
 */
export function createPacedLatency({ workedSince, elapsed }: PacedLatencyOptions): PacedLatency {
  const waiting: { readonly until: number; readonly answer: () => void }[] = [];
  let asked = 0;
  let isPacing = false;

  async function untilQuiet(): Promise<void> {
    for (;;) {
      const askedBefore = asked;
      const workedBefore = workedSince(undefined);
      await setTimeout(QUIET_MS);
      // What arrived while this thread was busy is read before the look.
      await setImmediate();
      await setImmediate();
      if (asked === askedBefore && workedSince(workedBefore).active < AWAKE_MS) return;
    }
  }

  async function pace(): Promise<void> {
    isPacing = true;
    while (waiting.length > 0) {
      await untilQuiet();
      waiting.sort((one, other) => one.until - other.until);
      const until = waiting[0]?.until ?? 0;
      elapsed[0] = until;
      while (waiting[0]?.until === until) waiting.shift()?.answer();
    }
    isPacing = false;
  }

  return {
    wait: (ms) =>
      new Promise((answer) => {
        asked += 1;
        waiting.push({ until: (elapsed[0] ?? 0) + ms, answer });
        if (!isPacing) void pace();
      }),
  };
}
