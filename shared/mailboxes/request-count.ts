/** Requests to Graph, by the minute in which they were sent; the oldest first. */
export type RequestCount = readonly { readonly minute: Date; readonly requests: number }[];

const MINUTE_MS = 60_000;
/** 10,000 in ten minutes, per app and mailbox. https://learn.microsoft.com/graph/throttling-limits#outlook-service-limits */
const GRAPH_LIMIT = 10_000;
const WINDOW_MS = 10 * MINUTE_MS;
/** Somewhat below Graph's own limit: what a run that died has sent is counted by Graph alone. */
export const REQUEST_LIMIT = 9_600;

/** The count after so many further requests, without the minutes that have left the window. */
export function countRequests(count: RequestCount, requests: number, at: Date): RequestCount {
  const minute = new Date(Math.floor(at.getTime() / MINUTE_MS) * MINUTE_MS);
  const current = inWindow(count, at);
  const last = current.at(-1);
  if (last?.minute.getTime() === minute.getTime()) {
    return [...current.slice(0, -1), { minute, requests: last.requests + requests }];
  }
  return [...current, { minute, requests }];
}

/** How long to wait before so many requests stay within the limit; 0 where they do now. */
export function waitForRequestsMs(count: RequestCount, requests: number, at: Date): number {
  const current = inWindow(count, at);
  let excess = current.reduce((sum, entry) => sum + entry.requests, requests) - REQUEST_LIMIT;
  let waitMs = 0;
  for (const entry of current) {
    if (excess <= 0) break;
    excess -= entry.requests;
    waitMs = leavesAt(entry.minute) - at.getTime();
  }
  return waitMs;
}

/** How much of Graph's own limit is used, from 0 to 1. */
export function shareOfLimit(count: RequestCount, at: Date): number {
  return inWindow(count, at).reduce((sum, { requests }) => sum + requests, 0) / GRAPH_LIMIT;
}

function inWindow(count: RequestCount, at: Date): RequestCount {
  // What was sent in the future was noted by a clock that was wrong.
  const latest = at.getTime() + MINUTE_MS;
  return count.filter(({ minute }) => leavesAt(minute) > at.getTime() && minute.getTime() <= latest);
}

/** A minute counts until its last request is out of the window. */
function leavesAt(minute: Date): number {
  return minute.getTime() + MINUTE_MS + WINDOW_MS;
}
