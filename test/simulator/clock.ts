/**
 * The one clock of a process. Installing it replaces the global `Date`, so that everything here (Deskpost, the
 * stand-ins, Azurite, the SDKs) lives in the same simulated time. Time goes on at its real pace between the jumps.
 * Timers (`setTimeout`) stay real: a jump of 90 minutes takes no time.
 */
export interface Clock {
  /** Simulated milliseconds since 1970. */
  now(): number;
  /** Jumps ahead by this many milliseconds; never backwards. */
  advance(ms: number): void;
  /** Jumps ahead to this moment; a moment that has passed already changes nothing. */
  advanceTo(moment: Date | number): void;
  /** Gives the real `Date` back. */
  uninstall(): void;
  /** How far it is ahead of the real time, for `installClock` in another thread, which then shares this clock. */
  readonly lead: ClockLead;
}

/** One number of milliseconds, in memory that threads share. */
export type ClockLead = Float64Array<SharedArrayBuffer>;

/** @param from when the simulated time begins, default now; or the lead of another thread's clock, to share it */
export function installClock(from?: Date | ClockLead): Clock {
  const RealDate = globalThis.Date;
  const lead = from instanceof Float64Array ? from : new Float64Array(new SharedArrayBuffer(8));
  if (from instanceof RealDate) lead[0] = from.getTime() - RealDate.now();
  const now = () => RealDate.now() + (lead[0] ?? 0);

  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    apply: () => new RealDate(now()).toString(),
    get: (target, key, receiver) => (key === "now" ? now : Reflect.get(target, key, receiver)),
  });

  function advance(ms: number): void {
    if (ms < 0) throw new RangeError(`The simulated clock only moves forward, not by ${ms} ms`);
    lead[0] = (lead[0] ?? 0) + ms;
  }

  return {
    now,
    lead,
    advance,
    advanceTo: (moment) => advance(Math.max(0, Number(moment) - now())),
    uninstall: () => {
      globalThis.Date = RealDate;
    },
  };
}
