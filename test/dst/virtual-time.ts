import { AsyncLocalStorage } from "node:async_hooks";

/** Timers from here on are time limits: nobody waits for them, they matter only when the clock comes past. */
const LIMIT_FROM_MS = 10_000;

/** A clock that stands still until it is told to go on, and the timers that hang on it. */
export interface VirtualTime {
  /** Milliseconds since 1970. */
  now(): number;
  /** Goes on, and fires on the way what falls due. */
  advance(ms: number): void;
  setTimer(callback: () => void, delayMs: number): number;
  clearTimer(id: number): void;
  /** How long until the next timer that somebody waits for; `undefined` where there is none. */
  untilNextSleep(): number | undefined;
}

interface Timer {
  readonly id: number;
  readonly at: number;
  readonly isLimit: boolean;
  readonly fire: () => void;
}

export function createVirtualTime(start: number): VirtualTime {
  let now = start;
  let count = 0;
  const timers = new Map<number, Timer>();

  function nextUpTo(end: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of timers.values()) {
      if (timer.at <= end && (next === undefined || timer.at < next.at)) next = timer;
    }
    return next;
  }

  return {
    now: () => now,
    advance: (ms) => {
      const end = now + ms;
      for (let timer = nextUpTo(end); timer !== undefined; timer = nextUpTo(end)) {
        timers.delete(timer.id);
        now = Math.max(now, timer.at);
        timer.fire();
      }
      now = end;
    },
    setTimer: (callback, delayMs) => {
      count += 1;
      const fire = AsyncLocalStorage.bind(callback);
      timers.set(count, { id: count, at: now + Math.max(1, delayMs), isLimit: delayMs >= LIMIT_FROM_MS, fire });
      return count;
    },
    clearTimer: (id) => void timers.delete(id),
    untilNextSleep: () => {
      let next: number | undefined;
      for (const { at, isLimit } of timers.values()) if (!isLimit && (next === undefined || at < next)) next = at;
      return next === undefined ? undefined : next - now;
    },
  };
}
