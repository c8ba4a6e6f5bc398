import pLimit from "p-limit";
import type { Desk, DeskAnswer } from "../desks/desk.ts";
import type { DeskIllness, DeskPermission, DeskState } from "../desks/desk-rests.ts";
import { DESK_TIMEOUT_MS } from "../desks/post.ts";
import type { Acknowledge } from "../mailboxes/mailbox.ts";
import { RowChangedError } from "../tables.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import {
  ATTEMPTS_BEFORE_DOUBT,
  ATTEMPTS_BEFORE_QUARANTINE,
  isForQuarantine,
  SECOND_LOOK_AFTER_MS,
  tookOthersMeanwhile,
  waitBeforeNextAttemptMs,
} from "./delivery-policy.ts";
import type { ClaimedEntry, LeasedLedger, StoredEntry } from "./ledger.ts";
import type { MailContent } from "./mail-content.ts";
import { idempotencyKey } from "./message.ts";
import type { MessageSource } from "./message-source.ts";
import { createReadAhead } from "./read-ahead.ts";
import { type ReadFailure, readFailureOf } from "./read-failure.ts";

/** Longer than the longest read from Graph and the longest wait for a desk together. */
export const CLAIM_MS = 10 * 60_000;
/** The end of the claim is left for the desk's answer and for settling. */
const OFFER_BEFORE_CLAIM_ENDS_MS = DESK_TIMEOUT_MS + 60_000;
/** Pending messages looked up at once. */
const BATCH = 24;
/** So many messages that cannot be read, and none delivered: it is Graph that is ill, not the messages. */
const UNREADABLE_LIMIT = 3;

export interface DeliverOptions {
  readonly mailboxId: string;
  readonly address: string;
  readonly source: MessageSource;
  readonly ledger: LeasedLedger;
  readonly desk: Desk;
  /** Asks whether the desk may be tried; called once, and only where something is due. */
  readonly askDesk: () => Promise<DeskPermission>;
  readonly acknowledge: Acknowledge;
  /** When the desk last took a message of this mailbox. */
  readonly deskLastTookAt: Date | undefined;
  readonly deadline: Date;
  readonly now: () => Date;
  readonly log: Log;
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
  /** Set where the desk as a whole is ill; no further message was offered. */
  readonly deskIll: DeskIllness | undefined;
  /** Set where the desk answers with faults, and nothing shows whether it is ill or the mail. */
  readonly deskDoubt: DeskDoubt | undefined;
  readonly deskLastTookAt: Date | undefined;
  /** True where the deadline came before the last message that is due. */
  readonly more: boolean;
  /** What ended the delivery early; what was delivered until then counts all the same. */
  readonly failure: { readonly error: unknown } | undefined;
}

type DeskDoubt = Pick<DeskIllness, "code" | "words">;

/**
 * Delivers what is pending and due: claim, read, offer to the desk, settle by the desk's own words. A message that fails
 * is put back and never holds up the others; a desk that is ill ends the delivery of this run.
 */
export async function deliver(options: DeliverOptions): Promise<DeliveryReport> {
  const { deadline, now, deskLastTookAt } = options;
  const batch = await options.ledger.due(now(), BATCH);
  if (batch.length === 0 || now() >= deadline) return { ...NOTHING, deskLastTookAt, more: batch.length > 0 };
  const permission = await options.askDesk();
  if (permission.kind === "resting") return { ...NOTHING, deskLastTookAt, deskIll: permission.illness };

  const { deskAnswered, ...report } = await deliverBatches(batch, permission, options);
  try {
    await permission.report(deskState(report.deskIll, deskAnswered));
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
  deskIll: undefined,
  deskDoubt: undefined,
  deskLastTookAt: undefined,
  more: false,
  failure: undefined,
};

function deskState(illness: DeskIllness | undefined, answered: boolean): DeskState {
  if (illness === undefined) return { kind: answered ? "well" : "unknown" };
  // Busy with the mail of other runs: that is a desk in good health.
  return illness.code === "BUSY" ? { kind: "unknown" } : { kind: "ill", illness };
}

async function deliverBatches(
  first: StoredEntry[],
  { probing, recoveredAt }: DeskPermission & { kind: "open" },
  options: DeliverOptions,
): Promise<DeliveryReport & { readonly deskAnswered: boolean }> {
  const { ledger, desk, now, deadline } = options;
  const counts = { ...NO_COUNTS };
  const tickets: string[] = [];
  const reasons: Record<"refused" | "quarantined", string[]> = { refused: [], quarantined: [] };
  let deskLastTookAt = options.deskLastTookAt;
  let deskIll: DeskIllness | undefined;
  let failure: { error: unknown } | undefined;
  let deskAnswered = false;
  let deskTook = false;
  let deskDoubt: DeskDoubt | undefined;
  let unreadable = 0;
  let progress = 0;
  let graphIll: { error: unknown } | undefined;
  const mustStop = () => deskIll !== undefined || failure !== undefined || now() >= deadline;
  const isOver = () => mustStop() || graphIll !== undefined;
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
      if (typeof outcome.desk === "object") deskIll ??= outcome.desk;
      if (outcome.unreadable !== undefined) unreadable += 1;
      if (unreadable >= UNREADABLE_LIMIT && counts.delivered === 0) graphIll ??= outcome.unreadable;
      if (outcome.ends !== undefined) failure ??= outcome.ends;
    } catch (error) {
      // Another run was faster with this message: that is all right.
      if (!(error instanceof RowChangedError)) failure ??= { error };
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
    // Those that have failed come after those that have not: a message that makes the desk look ill must not be the one
    // by which it is tried.
    const others = batch
      .filter((entry) => !abandoned.includes(entry))
      .sort((a, b) => Number(a.firstFailedAt !== undefined) - Number(b.firstFailedAt !== undefined));
    ahead?.expect(others.map(({ messageId }) => messageId));
    await Promise.all(others.map((entry) => atOnce(() => deliverOne(entry, isOver))));
    await ahead?.drop();
    // Whatever ended the run that had claimed them may end this one: last, and one by one, they take no other along. Nor do
    // messages that cannot be read keep them waiting, run after run.
    for (const entry of abandoned) await deliverOne(entry, mustStop);
    if (progress === 0 || isOver()) break;
    batch = await nextBatch();
  }
  const more = batch.length > 0 && now() >= deadline && deskIll === undefined;
  const desks = { deskIll, deskDoubt: deskTook ? undefined : deskDoubt, deskLastTookAt, deskAnswered };
  return { ...counts, tickets, reasons, ...desks, more, failure: failure ?? graphIll };
}

function latest(one: Date | undefined, other: Date | undefined): Date | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return one > other ? one : other;
}

interface Outcome {
  readonly counted: "delivered" | "refused" | "quarantined" | "gone" | "failed";
  /** How the desk was: it took the message (or refused it for good), it answered at least, it was not asked, or it is ill. */
  readonly desk: "took" | "answered" | "unasked" | DeskIllness;
  /** Why the message could not be read, where that is its own fault as far as one can see. */
  readonly unreadable?: { readonly error: unknown };
  /** Set where the run cannot go on. */
  readonly ends?: { readonly error: unknown };
  /** The desk answered with a fault once more, and nothing shows whose it is. */
  readonly doubt?: DeskDoubt | undefined;
  readonly ticket?: string | undefined;
  /** Why it was refused or quarantined. */
  readonly code?: string;
}

async function attempt(
  claimed: ClaimedEntry,
  deskLastTookAt: Date | undefined,
  options: DeliverOptions,
): Promise<Outcome> {
  const { source, desk, address, mailboxId } = options;
  let content: MailContent | undefined;
  let answer: DeskAnswer;
  try {
    content = await source.content(claimed.messageId);
    if (content === undefined) return await settleGone(claimed, options);
    if (content.blob.size === 0 && !isEmptyForSure(claimed))
      return await postponeUnreadable(NO_BYTES, claimed, deskLastTookAt, options);
    const tooLarge = whyTooLarge(content.blob.size, desk.maxMessageBytes);
    if (tooLarge !== undefined) return await quarantine(claimed, tooLarge, options);
    answer = await desk.deliver({
      mailboxAddress: address,
      idempotencyKey: idempotencyKey(mailboxId, claimed.key),
      mail: content.blob,
      offerUntil: new Date(claimed.claimedUntil.getTime() - OFFER_BEFORE_CLAIM_ENDS_MS),
    });
  } catch (error) {
    const failure = readFailureOf(error);
    if (failure !== undefined) {
      const outcome = await postponeUnreadable(failure, claimed, deskLastTookAt, options);
      return failure.endsRun ? { ...outcome, ends: { error } } : { ...outcome, unreadable: { error } };
    }
    await putBack(claimed, options);
    throw error;
  } finally {
    await content?.dispose();
  }
  return settleBy(answer, claimed, deskLastTookAt, options);
}

async function settleBy(
  answer: DeskAnswer,
  claimed: ClaimedEntry,
  deskLastTookAt: Date | undefined,
  options: DeliverOptions,
): Promise<Outcome> {
  const { ledger, now, log, mailboxId, acknowledge } = options;
  const about = { mailboxId, message: claimed.key, attempt: claimed.attempts };
  switch (answer.kind) {
    case "accepted":
    case "duplicate": {
      const reference = answer.reference === undefined ? answer.words : `ticket ${answer.reference}`;
      const doubt = answer.kind === "duplicate" ? doubtAbout(claimed) : "";
      await ledger.settle(
        claimed,
        { state: "delivered", answer: reference + doubt, acknowledge: acknowledge.kind !== "nothing" },
        now(),
      );
      log.info("message delivered", {
        ...about,
        kind: answer.kind,
        lagSeconds: (now().getTime() - claimed.receivedAt.getTime()) / 1_000,
      });
      return { counted: "delivered", desk: "took", ticket: answer.reference };
    }
    case "refused":
      await ledger.settle(claimed, { state: "refused", answer: answer.words, acknowledge: false }, now());
      log.warn("desk refused", { ...about, code: answer.code });
      return { counted: "refused", desk: "took", code: answer.code };
    case "impossible":
      return quarantine(claimed, answer, options, "answered");
    case "try-again": {
      const { words, code, uncertain, retryAfterMs } = answer;
      if (code === "BUSY") {
        // It was not offered: neither the message nor the desk is to blame.
        await putBack(claimed, options);
        return { counted: "failed", desk: { code, words, retryAfterMs } };
      }
      const { lastFailedAt, firstFailedAt = now() } = claimed;
      // A desk that has taken others since this message last failed is well: then the fault is the message's own, as
      // with one mail that kills the desk's process each time.
      const isProved = tookOthersMeanwhile({ lastFailedAt, deskLastTookAt });
      const isDeskIll = answer.because === "desk" && !isProved;
      const asked = answer.because === "message" ? "answered" : "unasked";
      if (!isDeskIll) {
        const failed = { attempts: claimed.attempts, firstFailedAt, lastFailedAt, deskLastTookAt };
        if (isForQuarantine(failed, now())) return quarantine(claimed, answer, options, asked);
      }
      // How long a desk that is ill rests is kept with the desk; see desk-rests.ts.
      const wait = isDeskIll ? 0 : waitBeforeNextAttemptMs(claimed.attempts, retryAfterMs);
      await ledger.postpone(claimed, {
        // Behind the others, in any case: one message must not hold them up.
        dueAt: new Date(now().getTime() + wait),
        answer: words,
        firstFailedAt,
        lastFailedAt: now(),
        uncertain: claimed.uncertain || uncertain,
        counts: !isDeskIll,
      });
      log.warn("desk failed", { ...about, because: answer.because, uncertain, code });
      if (isDeskIll) return { counted: "failed", desk: { code, words, retryAfterMs } };
      const isDoubtful = !isProved && claimed.attempts >= ATTEMPTS_BEFORE_DOUBT;
      return { counted: "failed", desk: asked, doubt: isDoubtful ? { code, words } : undefined };
    }
  }
}

/** What a person should look at where the desk says that it had the message already. */
function doubtAbout({ uncertain, attempts }: ClaimedEntry): string {
  // UVdesk stores a ticket before its text: https://github.com/uvdesk/community-skeleton/issues/740
  if (uncertain) return "; an attempt before this broke off, so look whether the ticket is whole";
  if (attempts > 1) return "";
  return "; the desk had a mail with the same Message-ID before this one was offered: it came to another mailbox, too, or its sender uses one Message-ID for several mails, so look whether the ticket is about this mail";
}

function whyTooLarge(bytes: number, limit: number | undefined) {
  if (limit === undefined || bytes <= limit) return undefined;
  const words = `The message has ${bytes} bytes, and the desk takes ${limit}: raise its limit and maxMessageBytes in DESKS, then replay it`;
  return { code: "TOO_LARGE", words };
}

const ENDS_RUNS = {
  code: "RUN_ENDED",
  words: "Runs ended in the middle of delivering this message, time and again: out of memory, or out of time",
};

/** True for a message over which run after run has died. */
function endsRuns({ claimedUntil, runsEnded }: StoredEntry): boolean {
  return claimedUntil !== undefined && runsEnded + 1 >= ATTEMPTS_BEFORE_QUARANTINE;
}

async function quarantine(
  claimed: ClaimedEntry,
  { code, words }: { readonly code: string; readonly words: string },
  { ledger, now, log, mailboxId }: DeliverOptions,
  desk: Outcome["desk"] = "unasked",
): Promise<Outcome> {
  await ledger.settle(claimed, { state: "quarantined", answer: words, acknowledge: false }, now());
  log.error("message quarantined", { mailboxId, message: claimed.key, attempts: claimed.attempts, code });
  return { counted: "quarantined", desk, code };
}

const GONE = "Graph did not find the message";
/** Mail has a header at least: what is empty is read again, with growing waits, before anybody believes it. */
const NO_BYTES: ReadFailure = {
  code: "NO_BYTES",
  words: "Graph gave the message without a single byte",
  retryAfterMs: undefined,
  endsRun: false,
};

/** Graph says so for hours: then it is what the mailbox holds, and the desk gets it as it is. */
function isEmptyForSure({ attempts, answer }: ClaimedEntry): boolean {
  return attempts >= ATTEMPTS_BEFORE_QUARANTINE && answer === NO_BYTES.words;
}

/** A message that Graph does not find is asked for a second time, later, before it counts as gone. */
async function settleGone(claimed: ClaimedEntry, options: DeliverOptions): Promise<Outcome> {
  const { ledger, now, log, mailboxId } = options;
  if (claimed.answer !== GONE) return lookAgain(claimed, GONE, options);
  const answer = "deleted from the mailbox before it could be delivered";
  await ledger.settle(claimed, { state: "gone", answer, acknowledge: false }, now());
  log.warn("message gone", { mailboxId, message: claimed.key });
  return { counted: "gone", desk: "unasked" };
}

/** What Graph said is not believed before it has said so again, a while later. */
async function lookAgain(claimed: ClaimedEntry, answer: string, { ledger, now }: DeliverOptions): Promise<Outcome> {
  const dueAt = new Date(now().getTime() + SECOND_LOOK_AFTER_MS);
  const { uncertain, firstFailedAt = now() } = claimed;
  await ledger.postpone(claimed, { dueAt, answer, firstFailedAt, lastFailedAt: now(), uncertain, counts: true });
  return { counted: "failed", desk: "unasked" };
}

/**
 * Later, and with growing waits. Where Graph asked for peace, the fault may be the mailbox's: then it counts only if others
 * came through since this message last failed.
 */
async function postponeUnreadable(
  { code, words, retryAfterMs, endsRun }: ReadFailure,
  claimed: ClaimedEntry,
  deskLastTookAt: Date | undefined,
  options: DeliverOptions,
): Promise<Outcome> {
  const { ledger, now, log, mailboxId } = options;
  const { attempts, uncertain, lastFailedAt, firstFailedAt = now() } = claimed;
  const counts = !endsRun || tookOthersMeanwhile({ lastFailedAt, deskLastTookAt });
  if (counts && isForQuarantine({ attempts, firstFailedAt, lastFailedAt, deskLastTookAt }, now()))
    return quarantine(claimed, { code, words }, options);
  const dueAt = new Date(now().getTime() + (counts ? waitBeforeNextAttemptMs(attempts, retryAfterMs) : 0));
  await ledger.postpone(claimed, { dueAt, answer: words, firstFailedAt, lastFailedAt: now(), uncertain, counts });
  log.warn("message unreadable", { mailboxId, message: claimed.key, attempt: attempts, code });
  return { counted: "failed", desk: "unasked" };
}

/** Nothing was offered to the desk, or the fault is ours: the message is as it was. */
async function putBack(claimed: ClaimedEntry, { ledger, now, log, mailboxId }: DeliverOptions): Promise<void> {
  const { answer, firstFailedAt, lastFailedAt, uncertain } = claimed;
  try {
    // Behind the others: one message must not hold them up.
    await ledger.postpone(claimed, { dueAt: now(), answer, firstFailedAt, lastFailedAt, uncertain, counts: false });
  } catch (error) {
    // The claim runs out by itself; what went wrong before is the fault to report.
    log.warn("mailbox fetch failed", { mailboxId, message: claimed.key, ...errorFields(error) });
  }
}
