import { setTimeout } from "node:timers/promises";
import pLimit from "p-limit";
import { createTimetable, type TimetableDeps } from "../soak/timetable.ts";

/** Real time between two looks at the (simulated) clock. */
const LOOK_MS = 100;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** While days fly by, mail is fetched so often; each minute would take too long. */
const FETCH_EVERY_MS = 6 * HOUR_MS;

/** Lets Deskpost live by the simulated clock, and lets time jump between its runs, never in the middle of one. */
export interface Pacer {
  /** What it plays at the moment, for a person to read. */
  readonly playing: string | undefined;
  /** Jumps ahead; Deskpost runs late, once, as after any pause. */
  jump(ms: number): Promise<void>;
  /** Begins to play these days, with Deskpost running through all of them; does nothing while it plays already. */
  play(days: number): void;
  stop(): Promise<void>;
}

export function startPacer({ clock, host }: TimetableDeps): Pacer {
  const timetable = createTimetable({ clock, host });
  const oneAtATime = pLimit(1);
  const stopping = new AbortController();
  const { signal } = stopping;
  let playing: string | undefined;
  let play: Promise<void> = Promise.resolve();

  async function follow(): Promise<void> {
    while (!signal.aborted) {
      await oneAtATime(timetable.runDue);
      await setTimeout(LOOK_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  async function playDays(days: number): Promise<void> {
    const begin = clock.now();
    const end = begin + days * DAY_MS;
    let fetchAt = begin + FETCH_EVERY_MS;
    while (clock.now() < end && !signal.aborted) {
      playing = `Day ${Math.floor((clock.now() - begin) / DAY_MS) + 1} of ${days}`;
      const keepAt = host.nextTimerRun("keep-tokens", new Date(clock.now())).getTime();
      clock.advanceTo(Math.min(keepAt, fetchAt, end));
      if (clock.now() >= keepAt) await timetable.run("keep-tokens");
      if (clock.now() >= fetchAt) {
        await timetable.run("fetch-mail");
        fetchAt += FETCH_EVERY_MS;
      }
    }
  }

  const following = follow();

  return {
    get playing() {
      return playing;
    },
    jump: (ms) =>
      oneAtATime(async () => {
        clock.advance(ms);
        await timetable.runDue();
      }),
    play: (days) => {
      if (playing !== undefined) return;
      playing = `Day 1 of ${days}`;
      play = oneAtATime(() => playDays(days)).finally(() => {
        playing = undefined;
      });
    },
    stop: async () => {
      stopping.abort();
      await Promise.all([following, play]);
    },
  };
}
