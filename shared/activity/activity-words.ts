import type { ActivityEvent } from "./activity.ts";

/** An event in words for people, such as "3 mails delivered as tickets 812–814". */
export function inWords(event: ActivityEvent): string {
  switch (event.kind) {
    case "added":
      return "added to the list";
    case "paused":
      return "paused";
    case "resumed":
      return "resumed";
    case "connected":
      return event.by === undefined ? "connected" : `connected by ${event.by}`;
    case "needs-owner":
      return `needs its owner, who must connect it again (${event.code})`;
    case "needs-admin":
      return `needs an administrator: its organisation blocks the sign-in (${event.code})`;
    case "delivered":
      return `${mails(event.count)} delivered${asTickets(event.tickets)}`;
    case "refused":
      return `${mails(event.count)} refused by the desk${because(event.codes)}`;
    case "quarantined":
      return `${mails(event.count)} quarantined${because(event.codes)}`;
    case "gone":
      return `${mails(event.count)} deleted from the mailbox before delivery`;
    case "replayed":
      return `${mails(event.count)} taken out of quarantine to be delivered again`;
    case "discarded":
      return "a mail in quarantine was given up";
    case "trouble":
      return TROUBLES[event.code] ?? `the fetch failed (${event.code})`;
    case "well":
      return event.code === "DESK_UNAVAILABLE" ? "the desk takes mail again" : "fetched again without a fault";
  }
}

const TROUBLES: Readonly<Record<string, string>> = {
  DESK_UNAVAILABLE: "the desk is down; mail waits",
  DESK_FAILING: "the desk answers each mail with a fault; mail waits",
  GRAPH_THROTTLED: "Microsoft asks to wait; mail waits",
  GRAPH_UNAVAILABLE: "Microsoft's mail service does not answer; mail waits",
  GRAPH_REFUSED: "Microsoft does not open the mailbox or its folder",
  ENTRA_UNAVAILABLE: "Microsoft's sign-in does not answer; mail waits",
  APP_MISCONFIGURED: "Microsoft refuses Deskpost's own credential; mail waits",
  CONFIGURATION_INVALID: "a setting of Deskpost is wrong; mail waits",
  MAILBOX_FULL: "the mailbox is full; what is in it comes through",
  CHANGES_WITHOUT_END: "mail comes by listing, because Graph's changes have no end",
  KEY_VAULT_UNAVAILABLE: "Key Vault does not answer; mail waits",
};

function mails(count: number): string {
  return count === 1 ? "1 mail" : `${count} mails`;
}

function asTickets(tickets: string): string {
  if (tickets === "") return "";
  return /[–,…]/.test(tickets) ? ` as tickets ${tickets}` : ` as ticket ${tickets}`;
}

function because(codes: string): string {
  return codes === "" ? "" : `: ${codes}`;
}
