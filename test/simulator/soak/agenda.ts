import type { Clock } from "../clock.ts";

/** What is to happen in the simulated world, in the order of its time. */
export interface Agenda {
  add(at: number, act: () => unknown): void;
  /** Jumps from one moment to the next up to this one, and lets happen there what is due. */
  playUntil(limit: number): Promise<void>;
}

interface Moment {
  readonly at: number;
  readonly act: () => unknown;
}

export function createAgenda(clock: Clock): Agenda {
  const moments: Moment[] = [];

  function takeBefore(limit: number): Moment | undefined {
    const [first] = moments;
    return first !== undefined && first.at <= limit ? moments.shift() : undefined;
  }

  return {
    add: (at, act) => {
      const later = moments.findIndex((moment) => moment.at > at);
      moments.splice(later === -1 ? moments.length : later, 0, { at, act });
    },
    playUntil: async (limit) => {
      for (let moment = takeBefore(limit); moment !== undefined; moment = takeBefore(limit)) {
        clock.advanceTo(moment.at);
        await moment.act();
      }
    },
  };
}
