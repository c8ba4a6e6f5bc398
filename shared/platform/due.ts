/** Longer than anything is ever put off: settings and growing waits end at a day. */
const LONGEST_WAIT_MS = 25 * 3_600_000;

/**
 * Whether a stored moment has come; one that is absent or "" has. One that is further ahead than anything is put off was
 * written by a clock that was wrong, and would keep what waits for it waiting for ever.
 */
export function isDue(moment: Date | string | undefined, now: Date, longestWaitMs = LONGEST_WAIT_MS): boolean {
  if (moment === undefined || moment === "") return true;
  const date = new Date(moment);
  return date <= now || date > beyondAnyWait(now, longestWaitMs);
}

/** From behind this moment on nothing is put off; for filters, which say the same as `isDue`. */
export function beyondAnyWait(now: Date, longestWaitMs = LONGEST_WAIT_MS): Date {
  return new Date(now.getTime() + longestWaitMs);
}
