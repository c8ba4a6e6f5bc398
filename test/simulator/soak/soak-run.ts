import type { DeskName } from "../desks/simulated-desk.ts";
import { type Deskpost, startDeskpost } from "../run/deskpost.ts";
import { connectMailbox } from "../run/once.ts";
import { type Simulator, startSimulator } from "../simulator.ts";
import { createAgenda } from "./agenda.ts";
import { createDeskpostEvents, type DeskpostEvents } from "./deskpost-events.ts";
import { type SoakStorage, tablesInMemory } from "./memory-storage.ts";
import { watchQueues } from "./queue-watch.ts";
import { createRequestLogs } from "./request-logs.ts";
import { createSeededRandom } from "./seeded-random.ts";
import { shortenWaits } from "./short-waits.ts";
import { createSoakMails } from "./soak-mails.ts";
import { compareMails, type SoakReport } from "./soak-report.ts";
import { createTimetable } from "./timetable.ts";
import { arrangeTroubles } from "./troubles.ts";
import { planTroubles } from "./troubles-plan.ts";

/** A Monday. Every run begins at the same moment, so that a seed repeats its course. */
const STARTS_AT = new Date("2026-01-05T00:00:00Z");
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Owners put away what is older: longer than Deskpost is ever kept from fetching, and few enough to compare each hour. */
const KEPT_MS = 4 * DAY_MS;
/** At the usual tick of a minute that makes 30 mails an hour. */
const MAILS_PER_TICK = 0.5;
/** Fetches at the end, without new mail. */
const SETTLING_TICKS = 5;
/** After troubles, what still waits may take this long: as long as Deskpost itself waits before it gives a mail up. */
const LONGEST_SETTLING_MS = 72 * HOUR_MS;

export interface SoakOptions {
  readonly hours: number;
  readonly mailboxes: number;
  /** Mail is fetched each so many minutes; a divisor of 60. */
  readonly tickMinutes: number;
  readonly troubles: boolean;
  /** Where Deskpost's tables are; queues are Azurite's in any case. */
  readonly tables: "azurite" | "memory";
  readonly seed: number;
  readonly desk: DeskName;
  /** Told after each simulated hour. */
  progress(hour: number, arrived: number): void;
}

/** Lets Deskpost run for hours of simulated time while mail comes in, and compares what came in with what the desk has. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { mailboxes, tickMinutes, seed, desk } = options;
  const simulator = await startSimulator({
    ports: "free",
    desk,
    mailboxes,
    random: createSeededRandom(seed),
    startAt: STARTS_AT,
    storageThread: options.troubles,
    fetchSchedule: tickMinutes === 60 ? "0 0 * * * *" : `0 */${tickMinutes} * * * *`,
  });
  try {
    const events = createDeskpostEvents();
    // Deskpost gives UVdesk one mail at a time, so that nobody slips in between; in a year the waits add up.
    simulator.uvdesk.insertsAfterMs = 0;
    const storage = options.tables === "memory" ? tablesInMemory(simulator.azurite) : simulator.azurite;
    const deskpost = await startDeskpost(simulator, {
      runTimers: false,
      runQueues: false,
      log: events.read,
      // The bundle has its storage client built in.
      ...(options.tables === "memory" ? { entryPoint: "functions/main.ts" } : {}),
    });
    try {
      return await run({ simulator, deskpost, events, storage }, options);
    } finally {
      await deskpost.stop();
    }
  } finally {
    await simulator.stop();
  }
}

interface World {
  readonly simulator: Simulator;
  readonly deskpost: Deskpost;
  readonly events: DeskpostEvents;
  readonly storage: SoakStorage;
}

async function run({ simulator, deskpost, events, storage }: World, options: SoakOptions): Promise<SoakReport> {
  const { hours, mailboxes, tickMinutes, seed } = options;
  const { clock, ownedMailboxes } = simulator;
  const startedAt = performance.now();
  const processorAtStart = process.cpuUsage();
  const mailboxIds: string[] = [];
  for (const owned of ownedMailboxes) {
    mailboxIds.push(await connectMailbox({ ...owned, desk: simulator.desk }, deskpost));
  }

  const begin = clock.now();
  const agenda = createAgenda(clock);
  const logs = createRequestLogs(simulator);
  const queues = watchQueues(() => deskpost.host.drainQueues());
  const timetable = createTimetable({ clock, host: { ...deskpost.host, drainQueues: queues.drainQueues } });
  // A sequence of its own for each purpose: the order in which runs side by side draw from Microsoft's is left to chance.
  const random = createSeededRandom(seed + 1);
  const randomOfTroubles = createSeededRandom(seed + 2);
  const nextMail = createSoakMails(random);
  const arrivals = new Map<string, number>();
  const ownersAsked: string[] = [];
  events.on("mailbox needs its owner", (mailboxId) => ownersAsked.push(mailboxId));
  const alarms = countAlarms(events);
  const plan = options.troubles ? planTroubles({ begin, hours, mailboxes, random: randomOfTroubles }) : [];
  const troubles = arrangeTroubles(plan, {
    simulator,
    api: deskpost.api,
    storageFaults: storage.faults,
    agenda,
    events,
    mailboxIds,
    random: randomOfTroubles,
  });
  const spent = { "fetch-mail": 0, "keep-tokens": 0, slow: 0 };
  let slowSteps = 0;

  function arrive(): void {
    const owned = ownedMailboxes[Math.floor(random() * mailboxes)];
    const { messageId, name, bytes } = nextMail();
    owned?.mailbox.deliver(bytes, { name });
    arrivals.set(messageId, clock.now());
  }

  function tidy(): void {
    for (const { mailbox } of ownedMailboxes) {
      const old = mailbox.messages("inbox").filter(({ receivedAt }) => clock.now() - receivedAt.getTime() > KEPT_MS);
      for (const { immutableId } of old) mailbox.remove(immutableId);
    }
    agenda.add(clock.now() + DAY_MS, tidy);
  }

  /** What happens until the next run of a timer, and then that run. */
  async function step(): Promise<void> {
    await agenda.playUntil(timetable.next.at);
    const { functionName } = timetable.next;
    const isSlow = troubles.areSlow;
    const stepStartedAt = performance.now();
    await timetable.step();
    const took = performance.now() - stepStartedAt;
    spent[functionName] += took;
    if (isSlow) {
      spent.slow += took;
      slowSteps += 1;
    }
    logs.empty();
  }

  async function live(): Promise<void> {
    for (let hour = 1; hour <= hours; hour += 1) {
      while (timetable.next.at <= begin + hour * HOUR_MS) {
        const span = timetable.next.at - clock.now();
        for (const at of arrivalTimes(random, clock.now(), span, tickMinutes)) agenda.add(at, arrive);
        await step();
      }
      options.progress(hour, arrivals.size);
    }
  }

  async function settle(): Promise<void> {
    const least = clock.now() + SETTLING_TICKS * tickMinutes * MINUTE_MS;
    const most = clock.now() + (options.troubles ? LONGEST_SETTLING_MS : 0);
    const isComplete = () => compareMails(simulator.desk, arrivals).lost === 0;
    while (timetable.next.at <= least || (timetable.next.at <= most && !isComplete())) await step();
  }

  agenda.add(begin + DAY_MS, tidy);
  const giveWaitsBack = shortenWaits(() => troubles.areSlow);
  try {
    await live();
    await settle();
  } finally {
    giveWaitsBack();
    queues.stop();
  }

  const failed = deskpost.host.invocations.filter(({ ok }) => !ok);
  const expectedErrors = failed.filter(({ at }) => troubles.wasStorageDown(at)).length;
  const { user, system } = process.cpuUsage(processorAtStart);
  return {
    simulatedHours: hours,
    mailboxes,
    ...compareMails(simulator.desk, arrivals),
    outages: troubles.outagesPlayed,
    refreshes: simulator.entra.tokenRequests.refresh_token,
    refreshTokensSaved: logs.refreshTokensSaved,
    mostVersions: logs.mostVersions(),
    ownersAsked,
    ownersDemanded: troubles.ownersDemanded,
    needsAdmin: events.count("mailbox needs an administrator"),
    alarmsRaised: alarms.raised,
    alarmsCleared: alarms.cleared,
    errors: failed.length - expectedErrors,
    expectedErrors,
    graphRequests: simulator.graph.requestCount,
    storageRequests: storage.requestCount,
    realSeconds: (performance.now() - startedAt) / 1_000,
    processorSeconds: (user + system) / 1_000_000,
    fetchSeconds: spent["fetch-mail"] / 1_000,
    keepSeconds: spent["keep-tokens"] / 1_000,
    slowSeconds: spent.slow / 1_000,
    slowSteps,
  };
}

/** Mailboxes that are fetched side by side can each report the same alarm; one that stands already is not counted again. */
function countAlarms(events: DeskpostEvents): { readonly raised: number; readonly cleared: number } {
  const count = { raised: 0, cleared: 0 };
  events.on("app misconfigured", () => {
    if (count.raised === count.cleared) count.raised += 1;
  });
  events.on("app configured again", () => {
    if (count.cleared < count.raised) count.cleared += 1;
  });
  return count;
}

/** Moments within a span; as many as the usual rate and chance bring. */
function arrivalTimes(random: () => number, now: number, span: number, tickMinutes: number): number[] {
  const expected = (Math.max(0, span) / (tickMinutes * MINUTE_MS)) * MAILS_PER_TICK;
  // Two chances instead of one: now and then several come at once.
  return [1, 2].filter(() => random() < expected / 2).map(() => now + random() * span);
}
