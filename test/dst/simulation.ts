import { ACKNOWLEDGE, BACKLOG, listRows, PENDING } from "../../shared/mail/ledger/ledger-rows-table.ts";
import type { Audit } from "../../shared/mail/operator/audit.ts";
import { findFaults } from "./oracle.ts";
import { type Stage, setStage } from "./stage.ts";

export interface SimulationReport {
  readonly seed: number;
  /** What should not be; empty where all is well. */
  readonly faults: readonly string[];
  /** The same for the same history. */
  readonly traceHash: string;
  readonly steps: number;
  readonly mails: number;
  readonly crashes: number;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Longer than the ledger remembers what it settled. */
const MONTHS_MS = 91 * DAY_MS;
/** A mail that came since is delivered, whatever it resembles. */
const OLD_MAIL_MS = HOUR_MS;
/** With the failures that one mail may have by chance, fewer than the attempts that it has. */
const MOST_CRASHES = 2;
const MOST_STALLS = 2;
/** A history of six hundred mails that moves to another organisation takes some 70,000. */
const MOST_STEPS = 200_000;
/** Between the ticks of the end: longer than any wait between two attempts, and in all longer than any patience. */
const LAST_WAITS_MS = [
  MINUTE_MS,
  11 * MINUTE_MS,
  ...Array.from({ length: 14 }, () => 65 * MINUTE_MS),
  ...Array.from({ length: 14 }, () => 13 * HOUR_MS),
  // A run gives up after three messages that Graph cannot convert, and some mailboxes have dozens of them.
  ...Array.from({ length: 120 }, () => 65 * MINUTE_MS),
];
const LEAST_LAST_TICKS = 4;
const MENDING_TICKS = 3;

/** Plays the history that a seed stands for, and judges it. One at a time in a process. */
export async function simulate(seed: number, onTrace?: (line: string) => void): Promise<SimulationReport> {
  const stage = await setStage(seed, onTrace);
  try {
    return await play(seed, stage);
  } finally {
    // What is still under way must not run into the next history.
    await stage.scheduler.quiet();
    stage.close();
  }
}

async function play(seed: number, stage: Stage): Promise<SimulationReport> {
  const { plan, draws, time, scheduler, storage, uvdesk, webhook, world, chance, platform, people, faults, trace } =
    stage;
  const { rates } = plan;
  let steps = 0;
  let crashes = 0;
  let stalls = 0;
  let nextTick = time.now();

  const isOver = () => faults.length > 0;

  function countStep(): void {
    steps += 1;
    if (steps === MOST_STEPS) faults.push(`no end after ${MOST_STEPS} steps`);
  }

  /** How long one step takes: mostly next to nothing. */
  function pass(): void {
    const isSlow = draws.chance(0.02);
    time.advance(isSlow ? draws.between(1, 5) * SECOND_MS : draws.between(0, draws.pick([0, 2, 40])));
  }

  function meetTrouble(): void {
    if (draws.chance(rates.world)) world.happen();
    if (crashes < MOST_CRASHES && draws.chance(rates.crash) && platform.crash()) crashes += 1;
    if (stalls < MOST_STALLS && draws.chance(rates.stall)) {
      scheduler.freeze(draws.between(20, 360) * SECOND_MS);
      stalls += 1;
    }
    if (draws.chance(rates.strayRun)) strayRun();
    if (draws.chance(0.2)) platform.takeFromQueue();
    people.actAtTimes();
  }

  function strayRun(): void {
    const mailbox = draws.pickAny(world.mailboxes);
    if (mailbox !== undefined) platform.strayRun(mailbox.id);
  }

  async function chaos(ticks: number): Promise<void> {
    stage.isCalm = false;
    chance.setCalm(false);
    nextTick = time.now();
    for (let left = ticks; left > 0 && !isOver(); ) {
      await scheduler.quiet();
      if (time.now() >= nextTick) {
        platform.tick();
        nextTick = (Math.floor(time.now() / MINUTE_MS) + 1) * MINUTE_MS;
        left -= 1;
        continue;
      }
      if (scheduler.waiting > 0) meetTrouble();
      if (scheduler.step()) {
        countStep();
        pass();
        continue;
      }
      const sleep = time.untilNextSleep();
      if (sleep !== undefined && time.now() + sleep < nextTick) time.advance(sleep);
      else betweenTicks();
    }
  }

  function betweenTicks(): void {
    for (let left = draws.between(0, 3); left > 0; left -= 1) world.happen();
    people.actBetweenTicks();
    // Who stands still holds up the timer: then the queue, or a person, brings another run.
    if (platform.underWay > 0 && draws.chance(0.7)) strayRun();
    const leap = platform.underWay === 0 && draws.chance(0.15) ? draws.between(2, 70) * MINUTE_MS : 0;
    time.advance(leap + Math.max(0, nextTick - time.now()));
  }

  /** Everything under way comes to its end. */
  async function finish(): Promise<void> {
    while (!isOver()) {
      await scheduler.quiet();
      platform.takeFromQueue();
      await scheduler.quiet();
      countStep();
      if (scheduler.step()) {
        time.advance(10);
        continue;
      }
      const sleep = time.untilNextSleep();
      if (sleep === undefined) return;
      time.advance(sleep);
    }
  }

  /** So many ticks, ten minutes apart, while the desks are out of order. */
  async function outage(): Promise<void> {
    if (plan.outage === undefined) return;
    trace(`the desks are out of order: ${plan.outage}`);
    chance.setCalm(true);
    stage.isDeskOut = true;
    uvdesk.mode = plan.outage;
    if (plan.outage === "unreachable") webhook.standIn.setDown(true);
    else webhook.answerWith(plan.outage === "503" ? 503 : 500);
    for (let left = 24; left > 0 && !isOver(); left -= 1) {
      platform.tick();
      await finish();
      time.advance(10 * MINUTE_MS);
    }
    stage.isDeskOut = false;
    uvdesk.mode = "ok";
    webhook.standIn.setDown(false);
    webhook.answerWith(undefined);
  }

  async function isAtRest(): Promise<boolean> {
    const client = await storage.unseen("Ledger");
    for (const { id } of world.mailboxes) {
      for (const prefix of [PENDING, BACKLOG, ACKNOWLEDGE])
        for await (const _ of listRows(client, id, prefix)) return false;
    }
    return true;
  }

  async function comeToRest(): Promise<void> {
    trace("the end of all troubles");
    chance.setCalm(true);
    scheduler.thaw();
    world.calm();
    await finish();
    stage.isCalm = true;
    for (const [round, wait] of LAST_WAITS_MS.entries()) {
      if (isOver() || (round >= LEAST_LAST_TICKS && (await isAtRest()))) return;
      time.advance(wait);
      platform.tick();
      await finish();
    }
    if (!isOver() && !(await isAtRest())) trace("no rest");
  }

  async function judge(): Promise<void> {
    if (isOver()) return;
    const audits = new Map<string, Audit>();
    for (const { id } of world.mailboxes) {
      platform.work(`audit ${id}`, async ({ registry, audit }) => {
        const stored = await registry.get(id);
        if (stored !== undefined) audits.set(id, await audit(stored));
      });
    }
    await finish();
    if (isOver()) return;
    const found = await findFaults({ ...stage, tables: storage.unseen, now: new Date(time.now()), audits });
    for (const fault of found) trace(`FAULT: ${fault}`);
    faults.push(...found);
  }

  await chaos(plan.ticks);
  await outage();
  await comeToRest();
  await judge();
  if (plan.migrates && !isOver()) {
    time.advance(OLD_MAIL_MS);
    for (const mailbox of world.mailboxes) world.migrate(mailbox);
    await chaos(plan.ticks);
    await comeToRest();
    await judge();
  }
  if (plan.monthsPass && !isOver()) {
    trace("months pass");
    time.advance(MONTHS_MS);
    stage.isCalm = false;
    const settledBefore = new Date(time.now() - MONTHS_MS + DAY_MS);
    for (const { id } of world.mailboxes) {
      platform.work(`purge ${id}`, async ({ ledger }) => void (await ledger.purge(id, settledBefore)));
    }
    for (const { graph } of world.mailboxes) if (draws.chance(0.7)) graph.expireSyncState();
    await chaos(plan.ticks);
    await comeToRest();
    await judge();
  }
  if (plan.repairs && !isOver()) {
    trace("mail is repaired");
    world.repair();
    stage.isCalm = false;
    await chaos(MENDING_TICKS);
    await comeToRest();
    people.decide();
    await finish();
    await comeToRest();
    await judge();
  }
  return { seed, faults, traceHash: stage.traceHash(), steps, mails: world.mails.length, crashes };
}
