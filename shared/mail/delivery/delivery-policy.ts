import { type Backoff, backoffMs } from "../../platform/backoff.ts";
import { ATTEMPTS_BEFORE_QUARANTINE } from "../ledger/ledger.ts";

/** After a failed attempt. */
const NEXT_ATTEMPT: Backoff = { firstMs: 60_000, longestMs: 60 * 60_000 };
/** So many attempts, and nothing that proves the desk well: somebody is told that it may be broken. */
export const ATTEMPTS_BEFORE_DOUBT = 5;
/** A message that failed for this long is quarantined whatever became of others. */
const PATIENCE_MS = 72 * 3_600_000;
/** A message that seems to be gone or empty is asked for again after this long: Graph may be behind. */
export const SECOND_LOOK_AFTER_MS = 10 * 60_000;

/** How long to wait after so many attempts that failed; what the desk asks for counts if it is longer. */
export function waitBeforeNextAttemptMs(attempts: number, retryAfterMs: number | undefined): number {
  return backoffMs(attempts, NEXT_ATTEMPT, retryAfterMs);
}

export interface FailedMessage {
  readonly attempts: number;
  readonly firstFailedAt: Date;
  /** The attempt before this one; `undefined` where this is the first that failed. */
  readonly lastFailedAt: Date | undefined;
  /** When the desk last took a message of this mailbox; `undefined` where it never did. */
  readonly deskLastTookAt: Date | undefined;
}

/**
 * Law 1: whether a message that keeps failing goes into quarantine. It needs proof that the fault is the message's own: the
 * desk took others meanwhile. Without that proof it waits for three days, because a broken desk looks the same.
 */
export function isForQuarantine(failed: FailedMessage, now: Date): boolean {
  if (failed.attempts < ATTEMPTS_BEFORE_QUARANTINE) return false;
  return tookOthersMeanwhile(failed) || now.getTime() - failed.firstFailedAt.getTime() >= PATIENCE_MS;
}

/**
 * True where the desk took another message between the last two failures of this one. What it took earlier proves
 * nothing: it may have broken down since.
 */
export function tookOthersMeanwhile({
  lastFailedAt,
  deskLastTookAt,
}: Pick<FailedMessage, "lastFailedAt" | "deskLastTookAt">): boolean {
  return lastFailedAt !== undefined && deskLastTookAt !== undefined && deskLastTookAt > lastFailedAt;
}
