import { backoffMs } from "../platform/backoff.ts";

const MINUTE_MS = 60_000;
/** A mailbox that has been quiet for ten hours can wait an hour, one that was busy a moment ago cannot wait at all. */
const SHARE_OF_QUIET_TIME = 1 / 10;
/** Whatever passes by itself is asked again soon: it is over before anybody looks. */
const LONGEST_WAIT_FOR_PASSING_MS = 5 * MINUTE_MS;

/**
 * passing: Graph, Entra or storage does not answer at the moment; lasting: the mailbox itself is refused, and somebody
 * must do something about it; ours: the fault is the app's or the desk's, and tells nothing about the mailbox.
 */
export type FailureClass = "passing" | "lasting" | "ours";

export interface FetchBounds {
  /** Of a mailbox without new mail; 0 fetches it at each tick. */
  readonly longestQuietMs: number;
  /** Of a mailbox whose fetch fails each time. */
  readonly longestBrokenMs: number;
}

export interface FetchHistory {
  readonly at: Date;
  /** When its desk last took a message of it. */
  readonly lastMailAt: Date | undefined;
  /** How the run ended, and those before it: failures in a row, this one included. */
  readonly failure: { readonly class: FailureClass; readonly inARow: number } | undefined;
  /** What Graph asked for. */
  readonly askedWaitMs: number | undefined;
  /** Work is left in it. */
  readonly more: boolean;
}

/** Fetches every mailbox at each tick. */
export const EACH_TICK: FetchBounds = { longestQuietMs: 0, longestBrokenMs: 15 * MINUTE_MS };

/** How long to leave a mailbox alone after a run. 0 makes it due at the next tick. */
export function waitBeforeNextFetchMs(history: FetchHistory, { longestQuietMs, longestBrokenMs }: FetchBounds): number {
  const { at, lastMailAt, failure, askedWaitMs = 0, more } = history;
  if (failure !== undefined) return Math.max(askedWaitMs, waitAfterFailureMs(failure, longestBrokenMs));
  if (askedWaitMs > 0) return askedWaitMs;
  if (more) return 0;
  const quietMs =
    lastMailAt === undefined ? longestQuietMs : (at.getTime() - lastMailAt.getTime()) * SHARE_OF_QUIET_TIME;
  return Math.min(quietMs, longestQuietMs);
}

/** After the first failure none: most are over at the next tick. Then one minute, two, four, up to the bound. */
function waitAfterFailureMs(failure: NonNullable<FetchHistory["failure"]>, longestMs: number): number {
  if (failure.class === "ours" || failure.inARow <= 1) return 0;
  const bound = failure.class === "passing" ? Math.min(longestMs, LONGEST_WAIT_FOR_PASSING_MS) : longestMs;
  return backoffMs(failure.inARow - 1, { firstMs: MINUTE_MS, longestMs: bound });
}

/** What a failure says about how soon the mailbox is worth another run. */
export function failureClassOf(code: string): FailureClass {
  switch (code) {
    case "GRAPH_REFUSED":
    case "CONSENT_REQUIRED":
    case "ADMIN_REQUIRED":
      return "lasting";
    case "GRAPH_UNAVAILABLE":
    case "ENTRA_UNAVAILABLE":
    case "TOKEN_UNAVAILABLE":
      return "passing";
    default:
      // A throttle among them: it names its own wait.
      return "ours";
  }
}
