import { codeOf, messageOf } from "../platform/errors.ts";
import { redact } from "./redact.ts";

/** Every event that Deskpost logs: the turning points, one name each. */
export type LogEvent =
  | "tick started"
  | "tick finished"
  | "mailbox fetched"
  | "mailbox fetch failed"
  | "mailbox skipped"
  | "fetches not queued"
  | "mailbox fetch abandoned"
  | "mailbox added"
  | "mailbox removed"
  | "mailbox paused"
  | "mailbox resumed"
  | "mailbox connected"
  | "import started"
  | "mailbox needs its owner"
  | "mailbox needs an administrator"
  | "mailboxes watched"
  | "mailbox late"
  | "mailbox blocked"
  | "message delivered"
  | "message quarantined"
  | "message replayed"
  | "message discarded"
  | "message gone"
  | "message unreadable"
  | "acknowledge failed"
  | "acknowledge abandoned"
  | "left-over mail file removed"
  | "left-over mail files not removed"
  | "desk refused"
  | "desk failed"
  | "desk down"
  | "desk still down"
  | "desk takes mail again"
  | "resync started"
  | "changes refused, listing"
  | "changes read again"
  | "reconciled"
  | "folder replaced"
  | "consent started"
  | "consent refused"
  | "token refreshed"
  | "token refresh failed"
  | "refresh token saved"
  | "refresh token not saved"
  | "old refresh token kept"
  | "grant not renewed"
  | "grant ends soon"
  | "credential ends soon"
  | "credential end not read"
  | "white space removed"
  | "orphaned grant removed"
  | "tokens kept"
  | "activity not noted"
  | "app misconfigured"
  | "app configured again"
  | "signed in"
  | "sign-in refused"
  | "signed out"
  | "owner invited"
  | "call throttled"
  | "budget nearly used"
  | "change announced"
  | "telemetry failed"
  | "request failed";

export type LogFields = Readonly<Record<string, string | number | boolean | Date | undefined>>;

export interface Log {
  info(event: LogEvent, fields?: LogFields): void;
  warn(event: LogEvent, fields?: LogFields): void;
  error(event: LogEvent, fields?: LogFields): void;
}

/** Takes an event after redaction, to make more of it than a line. */
export type RecordEvent = (level: LogLevel, event: LogEvent, fields: LogFields) => void;

export type LogLevel = "info" | "warn" | "error";

/**
 * A log that writes each event as one line of JSON, so that a query finds it by `event` and `mailboxId`.
 * Fields are ids, codes, counts and times; texts are redacted on the way.
 * @param record gets each event as well, such as for metrics
 */
export function createLog(write: (level: LogLevel, line: string) => void, record?: RecordEvent): Log {
  const at =
    (level: LogLevel) =>
    (event: LogEvent, fields: LogFields = {}) => {
      // Law 9: nothing is written or measured before it is redacted.
      const safe: LogFields = Object.fromEntries(
        Object.entries(fields).map(([name, value]) => [name, typeof value === "string" ? redact(value) : value]),
      );
      write(level, JSON.stringify({ event, ...safe }));
      record?.(level, event, safe);
    };
  return { info: at("info"), warn: at("warn"), error: at("error") };
}

/** The fields that say what went wrong. */
export function errorFields(error: unknown): LogFields {
  return { code: codeOf(error), message: redact(messageOf(error)) };
}
