import { type Backoff, backoffMs } from "../platform/backoff.ts";

/** A refresh token lives 90 days from its issue. https://learn.microsoft.com/entra/identity-platform/refresh-tokens */
export const REFRESH_TOKEN_LIFE_MS = 90 * 24 * 3_600_000;
/** A newer refresh token is stored once the stored one is older than this. Saving each would pile up vault versions. */
export const SAVE_AFTER_MS = 7 * 24 * 3_600_000;
/** Ahead of its end by this much the access token is renewed; a run and its retries fit in between. */
const RENEW_BEFORE_END_MS = 15 * 60_000;
/** Instances must not all refresh at one moment. */
const JITTER_MS = 60_000;
/** A token this close to its end is not handed out: a request may take as long. */
const LAST_USE_BEFORE_END_MS = 2 * 60_000;
/** After a failed refresh. */
const NEXT_REFRESH: Backoff = { firstMs: 60_000, longestMs: 15 * 60_000 };

/**
 * When to renew an access token: ahead of its end, at half its life at the earliest, or when Entra says (`refresh_in`).
 * Lives are random, 60 to 90 minutes: https://learn.microsoft.com/entra/identity-platform/access-tokens#token-lifetime
 * @param random from 0 to 1
 */
export function refreshTime(
  issued: Date,
  lifeSeconds: number,
  refreshInSeconds: number | undefined,
  random: number,
): Date {
  const lifeMs = lifeSeconds * 1_000;
  const dueMs = Math.min((refreshInSeconds ?? lifeSeconds) * 1_000, Math.max(lifeMs / 2, lifeMs - RENEW_BEFORE_END_MS));
  return new Date(issued.getTime() + Math.max(0, dueMs - random * JITTER_MS));
}

/** True while the token can still be sent. */
export function isUsable(expiresAt: Date, now: Date): boolean {
  return expiresAt.getTime() - now.getTime() > LAST_USE_BEFORE_END_MS;
}

/** True once a newer refresh token should take the stored one's place. */
export function isDueForSaving(savedAt: Date, now: Date, saveAfterMs = SAVE_AFTER_MS): boolean {
  return now.getTime() - savedAt.getTime() >= saveAfterMs;
}

/** How long to leave Entra alone after so many failures in a row; a Retry-After counts if it is longer. */
export function refreshBackoffMs(failures: number, retryAfterMs: number | undefined): number {
  return backoffMs(failures, NEXT_REFRESH, retryAfterMs);
}
