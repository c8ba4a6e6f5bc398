import type { DeskName } from "../desks/simulated-desk.ts";
import { startDeskpost } from "../run/deskpost.ts";
import { connectMailbox } from "../run/once.ts";
import { type Simulator, startSimulator } from "../simulator.ts";
import { createSeededRandom } from "./seeded-random.ts";
import { createSoakMails, messageIdOf } from "./soak-mails.ts";
import { createTimetable, type Timetable } from "./timetable.ts";

/** A Monday. Every run begins at the same moment, so that a seed repeats its course. */
const STARTS_AT = new Date("2026-01-05T00:00:00Z");
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const MAILS_PER_HOUR = 30;
/** Fetches without new mail at the end. */
const SETTLING_MS = 5 * MINUTE_MS;

export interface SoakOptions {
  readonly hours: number;
  readonly seed: number;
  readonly desk: DeskName;
  /** Told after each simulated hour. */
  progress(hour: number, arrived: number): void;
}

export interface SoakReport {
  readonly simulatedHours: number;
  readonly arrived: number;
  /** Mails that the desk has at least once. */
  readonly delivered: number;
  /** Mails that the desk was given more than once, even where it saw that and ignored it. */
  readonly doubled: number;
  /** Mails that are not at the desk. */
  readonly lost: number;
  readonly refreshes: number;
  readonly refreshTokensSaved: number;
  /** Simulated time from arrival to delivery. */
  readonly longestGapMs: number;
  /** Runs of functions that failed. */
  readonly errors: number;
  readonly graphRequests: number;
  readonly storageRequests: number;
  readonly realSeconds: number;
  /** Real time by what it went into. */
  readonly fetchSeconds: number;
  readonly keepSeconds: number;
}

/** Lets Deskpost run for hours of simulated time while mail comes in, and compares what came in with what the desk has. */
export async function soak({ hours, seed, desk, progress }: SoakOptions): Promise<SoakReport> {
  const startedAt = performance.now();
  const random = createSeededRandom(seed);
  const simulator = await startSimulator({ ports: "free", desk, random, startAt: STARTS_AT });
  try {
    const deskpost = await startDeskpost(simulator, { runTimers: false, runQueues: false, log: () => undefined });
    try {
      await connectMailbox(simulator, deskpost);
      const timetable = createTimetable({ clock: simulator.clock, host: deskpost.host });
      const nextMail = createSoakMails(random);
      const arrivals = new Map<string, number>();
      const spent = { "fetch-mail": 0, "keep-tokens": 0 };

      async function step(): Promise<void> {
        const { functionName } = timetable.next;
        const stepStartedAt = performance.now();
        await timetable.step();
        spent[functionName] += performance.now() - stepStartedAt;
      }

      /** Mail that arrives until the next run, each at a moment of its own. */
      function receiveMail(): void {
        for (const at of arrivalTimes(random, simulator.clock.now(), timetable)) {
          simulator.clock.advanceTo(at);
          const { messageId, name, bytes } = nextMail();
          simulator.mailbox.deliver(bytes, { name });
          arrivals.set(messageId, simulator.clock.now());
        }
      }

      const begin = simulator.clock.now();
      for (let hour = 1; hour <= hours; hour += 1) {
        while (timetable.next.at <= begin + hour * HOUR_MS) {
          receiveMail();
          await step();
        }
        progress(hour, arrivals.size);
      }
      const end = simulator.clock.now() + SETTLING_MS;
      while (timetable.next.at <= end) await step();
      return {
        simulatedHours: hours,
        ...compare(simulator, arrivals),
        errors: deskpost.host.invocations.filter(({ ok }) => !ok).length,
        realSeconds: (performance.now() - startedAt) / 1_000,
        fetchSeconds: spent["fetch-mail"] / 1_000,
        keepSeconds: spent["keep-tokens"] / 1_000,
      };
    } finally {
      await deskpost.stop();
    }
  } finally {
    await simulator.stop();
  }
}

/** Moments between now and the next run, in order; as many as the usual rate and chance bring. */
function arrivalTimes(random: () => number, now: number, { next }: Timetable): number[] {
  const span = Math.max(0, next.at - now);
  const expected = (span / HOUR_MS) * MAILS_PER_HOUR;
  // Two chances instead of one: now and then several come at once.
  const count = [1, 2].filter(() => random() < expected / 2).length;
  return Array.from({ length: count }, () => now + random() * span).sort((a, b) => a - b);
}

function compare(simulator: Simulator, arrivals: ReadonlyMap<string, number>) {
  const receptions = new Map<string, { times: number; takenAt: number | undefined }>();
  for (const { bytes, at, taken } of simulator.desk.mails) {
    const messageId = messageIdOf(bytes) ?? "";
    const { times = 0, takenAt } = receptions.get(messageId) ?? {};
    receptions.set(messageId, { times: times + 1, takenAt: takenAt ?? (taken ? at : undefined) });
  }
  const gaps = [...arrivals].flatMap(([messageId, arrivedAt]) => {
    const takenAt = receptions.get(messageId)?.takenAt;
    return takenAt === undefined ? [] : [takenAt - arrivedAt];
  });
  const savedTokens = simulator.keyVault.server.requests.filter(
    ({ method, path }) => method === "PUT" && path.startsWith("/secrets/refresh-token-"),
  );
  return {
    arrived: arrivals.size,
    delivered: gaps.length,
    doubled: [...receptions.values()].filter(({ times }) => times > 1).length,
    lost: arrivals.size - gaps.length,
    refreshes: simulator.entra.tokenRequests.refresh_token,
    refreshTokensSaved: savedTokens.length,
    longestGapMs: Math.max(0, ...gaps),
    graphRequests: simulator.graph.requestCount,
    storageRequests: simulator.azurite.requestCount,
  };
}
