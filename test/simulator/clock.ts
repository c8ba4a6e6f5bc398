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
}

export function installClock(start?: Date): Clock {
  const RealDate = globalThis.Date;
  let ahead = start === undefined ? 0 : start.getTime() - RealDate.now();
  const now = () => RealDate.now() + ahead;

  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    apply: () => new RealDate(now()).toString(),
    get: (target, key, receiver) => (key === "now" ? now : Reflect.get(target, key, receiver)),
  });

  function advance(ms: number): void {
    if (ms < 0) throw new RangeError(`The simulated clock only moves forward, not by ${ms} ms`);
    ahead += ms;
  }

  return {
    now,
    advance,
    advanceTo: (moment) => advance(Math.max(0, Number(moment) - now())),
    uninstall: () => {
      globalThis.Date = RealDate;
    },
  };
}
