/** `fetch-mail` runs each minute by default; after this long without a run something is wrong with the platform. */
export const TICK_OVERDUE_MS = 5 * 60_000;
/** A connected mailbox is late from this time without a success on: some ticks may pass it by, an outage may be short. */
export const MAILBOX_LATE_MS = 5 * 60_000;
/** A grant that nothing renews, and our own credential, are told this long ahead of their end. */
export const WARN_BEFORE_END_MS = 30 * 24 * 3_600_000;
/** Mail that waits longer than this, with nothing else wrong, is worth a look. */
export const LONG_WAIT_MS = 15 * 60_000;
