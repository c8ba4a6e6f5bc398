/** Nobody is left alone for longer than this, whatever a header asks for. */
const LONGEST_WAIT_MS = 60 * 60_000;

/**
 * Reads a Retry-After header: seconds (Graph sends fractions too) or an HTTP date.
 * @returns milliseconds from `now`, from 0 to an hour; `undefined` where the header is missing or unreadable
 */
export function retryAfterMs(header: string | null | undefined, now: Date): number | undefined {
  if (!header) return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return within(Math.ceil(seconds * 1_000));
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : within(date - now.getTime());
}

function within(ms: number): number {
  return Math.min(Math.max(0, ms), LONGEST_WAIT_MS);
}
