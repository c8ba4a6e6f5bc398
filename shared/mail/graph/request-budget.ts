import pLimit, { type LimitFunction } from "p-limit";
import { countRequests, REQUEST_LIMIT, type RequestCount, waitForRequestsMs } from "../../mailboxes/request-count.ts";
import { GraphError } from "../message-source.ts";

/** What Graph works on at once for one app and mailbox: https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits */
const AT_ONCE = 4;
/** Of these, messages that are being read: one request remains for everything else. */
const STREAMS_AT_ONCE = 3;

/** stream: a message's bytes; batch: Graph works on its parts four at once. */
export type RequestKind = "stream" | "other" | "batch";

/** What one run may ask of Graph for its mailbox. */
export interface RequestBudget {
  /**
   * Waits until a request may be sent, and counts it. What comes back is called when its answer is over.
   * @param requests how many Graph will count: the parts of a batch count one by one
   * @throws {GraphError} GRAPH_THROTTLED where Graph asked this run to stop, or too much was asked in ten minutes
   */
  enter(kind: RequestKind, requests: number): Promise<() => void>;
  /** Graph asked to wait: nothing more is sent in this run, whoever asks. */
  stop(error: GraphError): void;
  /** What was sent in the last ten minutes, by this run and those before it. */
  readonly sent: RequestCount;
}

export interface RequestBudgetOptions {
  /** What the runs before sent. */
  readonly sent?: RequestCount;
  readonly now: () => Date;
}

export function createRequestBudget({ sent: sentBefore = [], now }: RequestBudgetOptions): RequestBudget {
  const all = pLimit(AT_ONCE);
  const streams = pLimit(STREAMS_AT_ONCE);
  const batches = pLimit(1);
  let sent = sentBefore;
  let stopped: GraphError | undefined;

  async function takePlaces(kind: RequestKind): Promise<() => void> {
    switch (kind) {
      case "other":
        return take([all]);
      case "stream":
        return take([streams, all]);
      case "batch":
        // One batch at a time: two that hold some places each would wait for each other for ever.
        return take([batches, ...Array.from({ length: AT_ONCE }, () => all)]);
    }
  }

  function check(requests: number): void {
    if (stopped !== undefined) {
      // Without a status: nobody said anything about what was asked for here.
      const answer = { ...stopped.answer, status: undefined };
      throw new GraphError("GRAPH_THROTTLED", stopped.message, answer, { cause: stopped });
    }
    const waitMs = waitForRequestsMs(sent, requests, now());
    if (waitMs > 0) throw overOwnLimit(waitMs);
  }

  return {
    async enter(kind, requests) {
      check(requests);
      const leave = await takePlaces(kind);
      try {
        // While it waited, another request may have been told to stop.
        check(requests);
      } catch (error) {
        leave();
        throw error;
      }
      sent = countRequests(sent, requests, now());
      return leave;
    },
    stop(error) {
      stopped ??= error;
    },
    get sent() {
      return sent;
    },
  };
}

/** One place in each, in this order; the function that comes back gives them all back. */
async function take(limits: readonly LimitFunction[]): Promise<() => void> {
  const held: (() => void)[] = [];
  for (const limit of limits) {
    held.push(await new Promise<() => void>((granted) => void limit(() => new Promise<void>(granted))));
  }
  return () => {
    for (const leave of held.splice(0)) leave();
  };
}

function overOwnLimit(retryAfterMs: number): GraphError {
  return new GraphError(
    "GRAPH_THROTTLED",
    `${REQUEST_LIMIT} requests were sent for this mailbox within ten minutes, which is close to Graph's limit; the mailbox is left alone until that is over`,
    { status: undefined, graphCode: undefined, requestId: undefined, retryAfterMs },
  );
}
