import type { ActivityEvent } from "./activity.ts";

/** A happening in words for people, such as "3 mails delivered as tickets 812–814". */
export function inWords(happening: ActivityEvent): string {
  switch (happening.kind) {
    case "added":
      return "added to the list";
    case "paused":
      return "paused";
    case "resumed":
      return "resumed";
    case "connected":
      return happening.by === undefined ? "connected" : `connected by ${happening.by}`;
    case "needs-owner":
      return `needs its owner, who must connect it again (${happening.code})`;
    case "needs-admin":
      return `needs an administrator: its organisation blocks the sign-in (${happening.code})`;
    case "delivered":
      return `${mails(happening.count)} delivered${asTickets(happening.tickets)}`;
    case "refused":
      return `${mails(happening.count)} refused by the desk${because(happening.codes)}`;
    case "quarantined":
      return `${mails(happening.count)} quarantined${because(happening.codes)}`;
    case "gone":
      return `${mails(happening.count)} deleted from the mailbox before delivery`;
    case "replayed":
      return `${mails(happening.count)} taken out of quarantine to be delivered again`;
    case "discarded":
      return "a mail in quarantine was given up";
    case "trouble":
      return TROUBLES[happening.code] ?? `the fetch failed (${happening.code})`;
    case "well":
      return happening.code === "DESK_UNAVAILABLE" ? "the desk takes mail again" : "fetched again without a fault";
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
