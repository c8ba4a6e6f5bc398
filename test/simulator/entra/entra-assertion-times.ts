import { EntraError } from "./entra-errors.ts";
import type { Claims } from "./entra-signing.ts";

/** Throws unless it is now between `nbf` and `exp`. Entra sets no limit to the time between the two. */
export function checkAssertionTimes(claims: Claims): void {
  const now = Date.now() / 1000;
  const from = Number(claims.nbf ?? 0);
  const until = Number(claims.exp ?? 0);
  if (now < from || now >= until) {
    throw new EntraError(700024, { now: iso(now), from: iso(from), until: iso(until) });
  }
}

function iso(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
