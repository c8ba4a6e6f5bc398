/**
 * Reads a Retry-After header: seconds (Graph sends fractions too) or an HTTP date.
 * @returns milliseconds from `now`, never negative; `undefined` where the header is missing or unreadable
 */
export function retryAfterMs(header: string | null | undefined, now: Date): number | undefined {
  if (!header) return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, Math.ceil(seconds * 1_000));
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now.getTime());
}
