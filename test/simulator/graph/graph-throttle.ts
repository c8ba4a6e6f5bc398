import { GraphError } from "./graph-errors.ts";

/** https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits, for one app and mailbox. */
const MAX_CONCURRENT_REQUESTS = 4;
const MAX_REQUESTS = 10_000;
const WINDOW_MS = 10 * 60_000;

export interface PlannedThrottling {
  /** As it is to stand in the header, such as `"2.128"` or `"600"`; without it there is no such header. */
  readonly retryAfter?: string;
  /** How many of the next requests to mailboxes are refused. */
  readonly times: number;
}

export interface Throttle {
  /** Counts a request to a mailbox in, or throws its 429; the function that comes back counts it out. */
  enter(mailbox: string): () => void;
  plan(planned: PlannedThrottling): void;
  /** The most requests that were in flight at once for this mailbox, refused ones included. */
  peak(mailbox: string): number;
}

export function createThrottle(): Throttle {
  const inFlight = new Map<string, number>();
  const peaks = new Map<string, number>();
  const times = new Map<string, number[]>();
  let planned: { retryAfter: string | undefined; left: number }[] = [];

  function takePlanned(): { retryAfter: string | undefined } | undefined {
    const [next] = planned;
    if (next === undefined) return undefined;
    next.left -= 1;
    if (next.left <= 0) planned = planned.slice(1);
    return next;
  }

  /** Seconds until a request is allowed again; rejected requests count too. */
  function secondsOverBudget(mailbox: string): number {
    const now = Date.now();
    const sent = times.get(mailbox) ?? [];
    sent.push(now);
    const stillCounted = sent.findIndex((at) => at > now - WINDOW_MS);
    if (stillCounted > 0) sent.splice(0, stillCounted);
    times.set(mailbox, sent);
    const oldest = sent[sent.length - MAX_REQUESTS - 1];
    return oldest === undefined ? 0 : Math.ceil((oldest + WINDOW_MS - now) / 1000);
  }

  return {
    enter: (mailbox) => {
      const count = (inFlight.get(mailbox) ?? 0) + 1;
      peaks.set(mailbox, Math.max(count, peaks.get(mailbox) ?? 0));
      const seconds = secondsOverBudget(mailbox);
      const plan = takePlanned();
      if (plan !== undefined) throw throttled("MailboxConcurrency", plan.retryAfter);
      if (count > MAX_CONCURRENT_REQUESTS) throw throttled("MailboxConcurrency", "1");
      if (seconds > 0) throw throttled("MailboxRequests", String(seconds));
      inFlight.set(mailbox, count);
      return () => {
        inFlight.set(mailbox, (inFlight.get(mailbox) ?? 1) - 1);
      };
    },
    plan: ({ retryAfter, times: left }) => {
      planned.push({ retryAfter, left });
    },
    peak: (mailbox) => peaks.get(mailbox) ?? 0,
  };
}

/** https://support.nylas.com/hc/en-us/articles/37088317599261 shows body and headers. */
function throttled(limit: string, retryAfter: string | undefined): GraphError {
  return new GraphError({
    status: 429,
    code: "ApplicationThrottled",
    message: `Application is over its ${limit} limit.`,
    headers: {
      "ratelimit-exceeded": limit,
      ...(retryAfter === undefined ? {} : { "retry-after": retryAfter }),
    },
  });
}
