import type { LogEvent, LogFields } from "./log.ts";

const COUNTS = ["discovered", "delivered", "refused", "quarantined", "gone", "failed", "acknowledged"] as const;

/**
 * True for the line of a run in which nothing happened. A mailbox has 1,440 of them a day; metrics count them, and they
 * are not sent as rows of the log. Everything else is, always.
 */
export function isRoutine(event: LogEvent, fields: LogFields): boolean {
  if (event !== "mailbox fetched") return false;
  const isIdle = COUNTS.every((name) => fields[name] === 0 || fields[name] === undefined);
  return isIdle && fields.more !== true && fields.deskIll === undefined && fields.notice === undefined;
}
