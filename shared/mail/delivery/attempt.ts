import type { DeskFailure } from "../../desks/circuit-breaker.ts";
import type { Desk, DeskAnswer } from "../../desks/desk.ts";
import { DESK_TIMEOUT_MS } from "../../desks/post.ts";
import type { Acknowledge } from "../../mailboxes/mailbox.ts";
import { errorFields, type Log } from "../../telemetry/log.ts";
import type { ClaimedEntry, LeasedLedger } from "../ledger/ledger.ts";
import { ATTEMPTS_BEFORE_QUARANTINE } from "../ledger/ledger.ts";
import { idempotencyKey } from "../message.ts";
import type { MailContent, MessageSource } from "../message-source.ts";
import {
  ATTEMPTS_BEFORE_DOUBT,
  isForQuarantine,
  SECOND_LOOK_AFTER_MS,
  tookOthersMeanwhile,
  waitBeforeNextAttemptMs,
} from "./delivery-policy.ts";
import { type ReadFailure, readFailureOf } from "./read-failure.ts";

/** The end of the claim is left for the desk's answer and for settling. */
const OFFER_BEFORE_CLAIM_ENDS_MS = DESK_TIMEOUT_MS + 60_000;

export interface AttemptOptions {
  readonly mailboxId: string;
  readonly address: string;
  readonly source: MessageSource;
  readonly ledger: LeasedLedger;
  readonly desk: Desk;
  readonly acknowledge: Acknowledge;
  readonly now: () => Date;
  readonly log: Log;
}

/** The desk answers with faults, and nothing shows whether it fails or the mail is at fault. */
export type DeskDoubt = Pick<DeskFailure, "code" | "words">;

/** What became of a message in one attempt. */
export interface Outcome {
  readonly counted: "delivered" | "refused" | "quarantined" | "gone" | "failed";
  /** How the desk was: it took the message (or refused it for good), it answered at least, it was not asked, or it fails. */
  readonly desk: "took" | "answered" | "unasked" | DeskFailure;
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

/**
 * Reads a claimed message, offers it to the desk, and settles it by the desk's own words. Whatever happens, the message is
 * settled, put off or put back, and the claim with it.
 * @param deskLastTookAt what proves that the desk is well
 * @throws what ends the run: the message is as it was
 */
export async function attempt(
  claimed: ClaimedEntry,
  deskLastTookAt: Date | undefined,
  options: AttemptOptions,
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
  options: AttemptOptions,
): Promise<Outcome> {
  const { ledger, now, log, mailboxId, acknowledge } = options;
  const about = { mailboxId, message: claimed.key, attempt: claimed.attempts };
  // Laws 1 and 3: the desk's word alone moves a message out of pending, or the quarantine does.
  switch (answer.kind) {
    case "accepted":
    case "duplicate": {
      const reference = answer.reference === undefined ? answer.words : `ticket ${answer.reference}`;
      const doubts = [answer.kind === "duplicate" ? doubtAbout(claimed) : undefined, answer.doubt];
      await ledger.settle(
        claimed,
        {
          state: "delivered",
          answer: [reference, ...doubts.filter(Boolean)].join("; "),
          acknowledge: acknowledge.kind !== "nothing",
        },
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
      const isDeskFault = answer.because === "desk" && !isProved;
      const asked = answer.because === "message" ? "answered" : "unasked";
      if (!isDeskFault) {
        const failed = { attempts: claimed.attempts, firstFailedAt, lastFailedAt, deskLastTookAt };
        if (isForQuarantine(failed, now())) return quarantine(claimed, answer, options, asked);
      }
      // How long the circuit stays open is kept with the desk; see circuit-breaker-table.ts.
      const wait = isDeskFault ? 0 : waitBeforeNextAttemptMs(claimed.attempts, retryAfterMs);
      await ledger.postpone(claimed, {
        // Behind the others, in any case: one message must not hold them up.
        dueAt: new Date(now().getTime() + wait),
        answer: words,
        firstFailedAt,
        lastFailedAt: now(),
        uncertain: claimed.uncertain || uncertain,
        counts: !isDeskFault,
      });
      log.warn("desk failed", { ...about, because: answer.because, uncertain, code });
      if (isDeskFault) return { counted: "failed", desk: { code, words, retryAfterMs } };
      const isDoubtful = !isProved && claimed.attempts >= ATTEMPTS_BEFORE_DOUBT;
      return { counted: "failed", desk: asked, doubt: isDoubtful ? { code, words } : undefined };
    }
  }
}

/** What a person should look at where the desk says that it had the message already. */
function doubtAbout({ uncertain, attempts }: ClaimedEntry): string | undefined {
  if (uncertain || attempts > 1) return undefined;
  return "the desk had a mail with the same Message-ID before this one was offered: it came to another mailbox, too, or its sender uses one Message-ID for several mails, so look whether the ticket is about this mail";
}

function whyTooLarge(bytes: number, limit: number | undefined) {
  if (limit === undefined || bytes <= limit) return undefined;
  const words = `The message has ${bytes} bytes, and the desk takes ${limit}: raise its limit and maxMessageBytes in DESKS, then replay it`;
  return { code: "TOO_LARGE", words };
}

export async function quarantine(
  claimed: ClaimedEntry,
  { code, words }: { readonly code: string; readonly words: string },
  { ledger, now, log, mailboxId }: AttemptOptions,
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
  remedy: "open it in Outlook to see what it holds; replay it to offer it as it is",
  retryAfterMs: undefined,
  endsRun: false,
};

/** Graph says so for hours: then it is what the mailbox holds, and the desk gets it as it is. */
function isEmptyForSure({ attempts, answer }: ClaimedEntry): boolean {
  return attempts >= ATTEMPTS_BEFORE_QUARANTINE && answer === NO_BYTES.words;
}

/** A message that Graph does not find is asked for a second time, later, before it counts as gone. */
async function settleGone(claimed: ClaimedEntry, options: AttemptOptions): Promise<Outcome> {
  const { ledger, now, log, mailboxId } = options;
  if (claimed.answer !== GONE) return lookAgain(claimed, GONE, options);
  const answer = "deleted from the mailbox before it could be delivered";
  await ledger.settle(claimed, { state: "gone", answer, acknowledge: false }, now());
  log.warn("message gone", { mailboxId, message: claimed.key });
  return { counted: "gone", desk: "unasked" };
}

/** What Graph said is not believed before it has said so again, a while later. */
async function lookAgain(claimed: ClaimedEntry, answer: string, { ledger, now }: AttemptOptions): Promise<Outcome> {
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
  { code, words, remedy, retryAfterMs, endsRun }: ReadFailure,
  claimed: ClaimedEntry,
  deskLastTookAt: Date | undefined,
  options: AttemptOptions,
): Promise<Outcome> {
  const { ledger, now, log, mailboxId } = options;
  const { attempts, uncertain, lastFailedAt, firstFailedAt = now() } = claimed;
  const counts = !endsRun || tookOthersMeanwhile({ lastFailedAt, deskLastTookAt });
  if (counts && isForQuarantine({ attempts, firstFailedAt, lastFailedAt, deskLastTookAt }, now()))
    return quarantine(claimed, { code, words: `${words}; ${remedy}` }, options);
  const dueAt = new Date(now().getTime() + (counts ? waitBeforeNextAttemptMs(attempts, retryAfterMs) : 0));
  await ledger.postpone(claimed, { dueAt, answer: words, firstFailedAt, lastFailedAt: now(), uncertain, counts });
  log.warn("message unreadable", { mailboxId, message: claimed.key, attempt: attempts, code });
  return { counted: "failed", desk: "unasked" };
}

/** Nothing was offered to the desk, or the fault is ours: the message is as it was. */
async function putBack(claimed: ClaimedEntry, { ledger, now, log, mailboxId }: AttemptOptions): Promise<void> {
  const { answer, firstFailedAt, lastFailedAt, uncertain } = claimed;
  try {
    // Behind the others: one message must not hold them up.
    await ledger.postpone(claimed, { dueAt: now(), answer, firstFailedAt, lastFailedAt, uncertain, counts: false });
  } catch (error) {
    // The claim runs out by itself; what went wrong before is the fault to report.
    log.warn("mailbox fetch failed", { mailboxId, message: claimed.key, ...errorFields(error) });
  }
}
