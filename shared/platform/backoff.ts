export interface Backoff {
  /** After the first failure. */
  readonly firstMs: number;
  readonly longestMs: number;
  /** After each further failure so many times as long; 2 where nothing is said. */
  readonly factor?: number;
}

/**
 * How long to wait after so many failures in a row, in milliseconds. What the other side asked for, such as by
 * Retry-After, counts if it is longer, even beyond the longest.
 */
export function backoffMs(failures: number, { firstMs, longestMs, factor = 2 }: Backoff, askedMs = 0): number {
  const growing = firstMs * factor ** Math.max(0, failures - 1);
  return Math.max(Math.min(growing, longestMs), askedMs);
}
