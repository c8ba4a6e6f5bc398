import type { LogEvent } from "../../../shared/telemetry/log.ts";
import type { LogLine } from "../host/host-invocations.ts";

/** What Deskpost says of itself in its log, as an operator's alerts would read it. */
export interface DeskpostEvents {
  /** Takes each line of the host's log. */
  read(line: LogLine): void;
  count(event: LogEvent): number;
  /** Calls this with the mailbox of each event of that name. */
  on(event: LogEvent, listener: (mailboxId: string) => void): void;
}

export function createDeskpostEvents(): DeskpostEvents {
  const counts = new Map<string, number>();
  const listeners: { event: LogEvent; listener: (mailboxId: string) => void }[] = [];

  return {
    read: ({ category, message }) => {
      if (!category.endsWith(".User")) return;
      const { event, mailboxId } = readLine(message);
      if (event === undefined) return;
      counts.set(event, (counts.get(event) ?? 0) + 1);
      for (const other of listeners) if (other.event === event) other.listener(mailboxId ?? "");
    },
    count: (event) => counts.get(event) ?? 0,
    on: (event, listener) => {
      listeners.push({ event, listener });
    },
  };
}

function readLine(message: string): { readonly event?: string; readonly mailboxId?: string } {
  try {
    return JSON.parse(message) as { event?: string; mailboxId?: string };
  } catch {
    // Something other than Deskpost's own events.
    return {};
  }
}
