import type { LogLine } from "../host/host-invocations.ts";

/** One of Deskpost's own events: what happened, and to whom. */
interface DeskpostEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** Counters of zero and the fields that everybody knows say nothing. */
const LEFT_OUT = new Set(["event", "mailboxId", "durationMs"]);

/**
 * A line of the log for a person: `12:00:10  fetch-mail  mailbox fetched  discovered 3, delivered 3`. Deskpost's events and
 * the host's errors are told; `undefined` for the host's own everyday lines and for fetches that found nothing.
 */
export function formatLogLine({ level, category, message }: LogLine): string | undefined {
  const time = new Date().toISOString().slice(11, 19);
  const [, functionName] = /^Function\.([\w-]+)\.User$/.exec(category) ?? [];
  const event = functionName === undefined ? undefined : readEvent(message);
  if (functionName !== undefined && event !== undefined) {
    const details = detailsOf(event);
    if (isEveryday(event, details)) return undefined;
    return `${time}  ${functionName.padEnd(14)}  ${[event.event, details].filter(Boolean).join("  ")}`;
  }
  return level === "error" || level === "critical" ? `${time}  ${category}  ${message}` : undefined;
}

function readEvent(message: string): DeskpostEvent | undefined {
  try {
    const value = JSON.parse(message) as DeskpostEvent;
    return typeof value.event === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

function detailsOf(event: DeskpostEvent): string {
  return Object.entries(event)
    .filter(([name, value]) => !LEFT_OUT.has(name) && value !== 0 && value !== false)
    .map(([name, value]) => `${name} ${String(value)}`)
    .join(", ");
}

function isEveryday({ event }: DeskpostEvent, details: string): boolean {
  if (event.startsWith("tick ")) return true;
  return event === "mailbox fetched" && /^(?:pages \d+)?$/.test(details);
}
