import pLimit from "p-limit";
import type { CircuitState, ClosedCircuit, DeskCondition, DeskFailure } from "../../desks/circuit-breaker.ts";
import { RowChangedError } from "../../platform/errors.ts";
import type { StoredEntry } from "../ledger/ledger.ts";
import { ATTEMPTS_BEFORE_QUARANTINE } from "../ledger/ledger.ts";
import { decisiveFailure } from "../message-source.ts";
import { type AttemptOptions, attempt, type DeskDoubt, quarantine } from "./attempt.ts";
import { createReadAhead } from "./read-ahead.ts";

/** Longer than the longest read from Graph and the longest wait for a desk together. */
export const CLAIM_MS = 10 * 60_000;
/** Pending messages looked up at once. */
const BATCH = 24;
/** So many messages that cannot be read, and none delivered: it is Graph that fails, not the messages. */
const UNREADABLE_LIMIT = 3;

export interface DeliverOptions extends AttemptOptions {
  /** Asks whether the desk may be tried; called once, and only where something is due. */
  readonly askCircuit: () => Promise<CircuitState>;
  /** When the desk last took a message of this mailbox. */
  readonly deskLastTookAt: Date | undefined;
  readonly deadline: Date;
}

export interface DeliveryReport {
  readonly delivered: number;
  readonly refused: number;
  readonly quarantined: number;
  readonly gone: number;
  /** What the desk calls the messages that it took, where it names them. */
  readonly tickets: readonly string[];
  /** Codes that say why messages were refused, and why quarantined. */
  readonly reasons: { readonly refused: readonly string[]; readonly quarantined: readonly string[] };
  /** Attempts that failed and will be made again. */
  readonly failed: number;
  /** Set where the desk as a whole fails; no further message was offered. */
  readonly deskFailure: DeskFailure | undefined;
  /** Set where the desk answers with faults, and nothing shows whether it fails or the mail is at fault. */
  readonly deskDoubt: DeskDoubt | undefined;
  readonly deskLastTookAt: Date | undefined;
  /** True where the deadline came before the last message that is due. */
  readonly more: boolean;
  /** What ended the delivery early; what was delivered until then counts all the same. */
  readonly failure: { readonly error: unknown } | undefined;
}

/**
 * Delivers what is pending and due: claim, read, offer to the desk, settle by the desk's own words. A message that fails
 * is put back and never holds up the others; a desk that fails ends the delivery of this run.
 */
export async function deliver(options: DeliverOptions): Promise<DeliveryReport> {
  const { deadline, now, deskLastTookAt } = options;
  const batch = await options.ledger.due(now(), BATCH);
  if (batch.length === 0 || now() >= deadline) return { ...NOTHING, deskLastTookAt, more: batch.length > 0 };
  const circuit = await options.askCircuit();
  if (circuit.kind === "open") return { ...NOTHING, deskLastTookAt, deskFailure: circuit.failure };

  const { deskAnswered, ...report } = await deliverBatches(batch, circuit, options);
  try {
    await circuit.report(deskCondition(report.deskFailure, deskAnswered));
  } catch (error) {
    return { ...report, failure: report.failure ?? { error } };
  }
  return report;
}

const NO_COUNTS = { delivered: 0, refused: 0, quarantined: 0, gone: 0, failed: 0 };
const NOTHING: DeliveryReport = {
  ...NO_COUNTS,
  tickets: [],
  reasons: { refused: [], quarantined: [] },
  deskFailure: undefined,
  deskDoubt: undefined,
  deskLastTookAt: undefined,
  more: false,
  failure: undefined,
};

function deskCondition(failure: DeskFailure | undefined, answered: boolean): DeskCondition {
  if (failure === undefined) return { kind: answered ? "well" : "unknown" };
  // Busy with the mail of other runs: that is a desk in good health.
  return failure.code === "BUSY" ? { kind: "unknown" } : { kind: "failing", failure };
}

async function deliverBatches(
  first: StoredEntry[],
  { kind, recoveredAt }: ClosedCircuit,
  options: DeliverOptions,
): Promise<DeliveryReport & { readonly deskAnswered: boolean }> {
  const { ledger, desk, now, deadline } = options;
  const counts = { ...NO_COUNTS };
  const tickets: string[] = [];
  const reasons: Record<"refused" | "quarantined", string[]> = { refused: [], quarantined: [] };
  let deskLastTookAt = options.deskLastTookAt;
  let deskFailure: DeskFailure | undefined;
  let failure: { error: unknown } | undefined;
  let deskAnswered = false;
  let deskTook = false;
  let deskDoubt: DeskDoubt | undefined;
  let unreadable = 0;
  let progress = 0;
  // Half open: one message first, and nobody else tries the desk meanwhile.
  const probing = kind === "half-open";
  let graphFailure: { error: unknown } | undefined;
  const mustStop = () => deskFailure !== undefined || failure !== undefined || now() >= deadline;
  const isOver = () => mustStop() || graphFailure !== undefined;
  const atOnce = pLimit(probing ? 1 : desk.concurrency);
  const ahead = probing || desk.concurrency > 1 ? undefined : createReadAhead(options.source.content, () => !isOver());
  const source = ahead === undefined ? options.source : { ...options.source, content: ahead.content };

  async function deliverOne(entry: StoredEntry, isTooLate: () => boolean): Promise<void> {
    if (isTooLate()) return;
    try {
      await ledger.renew();
      const claimed = await ledger.claim(entry, new Date(now().getTime() + CLAIM_MS));
      if (claimed === undefined) return;
      const outcome = endsRuns(entry)
        ? await quarantine(claimed, ENDS_RUNS, options)
        : await attempt(claimed, latest(deskLastTookAt, recoveredAt), { ...options, source });
      counts[outcome.counted] += 1;
      progress += 1;
      if (outcome.ticket !== undefined) tickets.push(outcome.ticket);
      if (outcome.counted === "refused" || outcome.counted === "quarantined")
        reasons[outcome.counted].push(outcome.code ?? "");
      if (outcome.desk === "took") {
        deskTook = true;
        deskLastTookAt = now();
      }
      deskDoubt ??= outcome.doubt;
      if (outcome.desk === "took" || outcome.desk === "answered") deskAnswered = true;
      if (typeof outcome.desk === "object") deskFailure ??= outcome.desk;
      if (outcome.unreadable !== undefined) unreadable += 1;
      if (unreadable >= UNREADABLE_LIMIT && counts.delivered === 0) graphFailure ??= outcome.unreadable;
      if (outcome.ends !== undefined) failure = decisiveFailure(failure, outcome.ends);
    } catch (error) {
      // Another run was faster with this message: that is all right.
      if (!(error instanceof RowChangedError)) failure = decisiveFailure(failure, { error });
    }
  }

  /** What was delivered until then is reported all the same. */
  async function nextBatch(): Promise<StoredEntry[]> {
    try {
      return await ledger.due(now(), BATCH);
    } catch (error) {
      failure ??= { error };
      return [];
    }
  }

  let batch = first;
  while (batch.length > 0) {
    progress = 0;
    const abandoned = batch.filter(({ claimedUntil }) => claimedUntil !== undefined);
    // Those that have failed come after those that have not: a message that makes the desk look broken must not be the one
    // by which it is tried.
    const others = batch
      .filter((entry) => !abandoned.includes(entry))
      .sort((a, b) => Number(a.firstFailedAt !== undefined) - Number(b.firstFailedAt !== undefined));
    ahead?.expect(others.map(({ messageId }) => messageId));
    await Promise.all(others.map((entry) => atOnce(() => deliverOne(entry, isOver))));
    await ahead?.drop();
    // Law 6: whatever ended the run that had claimed them may end this one; last, and one by one, they take no other along.
    // Nor do messages that cannot be read keep them waiting, run after run.
    for (const entry of abandoned) await deliverOne(entry, mustStop);
    if (progress === 0 || isOver()) break;
    batch = await nextBatch();
  }
  const more = batch.length > 0 && now() >= deadline && deskFailure === undefined;
  const desks = { deskFailure, deskDoubt: deskTook ? undefined : deskDoubt, deskLastTookAt, deskAnswered };
  return { ...counts, tickets, reasons, ...desks, more, failure: failure ?? graphFailure };
}

function latest(one: Date | undefined, other: Date | undefined): Date | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one > other ? one : other;
}

const ENDS_RUNS = {
  code: "RUN_ENDED",
  words: "Runs ended in the middle of delivering this message, time and again: out of memory, or out of time",
};

/** True for a message over which run after run has died. */
function endsRuns({ claimedUntil, runsEnded }: StoredEntry): boolean {
  return claimedUntil !== undefined && runsEnded + 1 >= ATTEMPTS_BEFORE_QUARANTINE;
}
