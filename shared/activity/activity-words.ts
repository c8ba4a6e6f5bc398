import type { ActivityEvent } from "./activity.ts";
import { codeWords, hasWords } from "./code-words.ts";

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
      return `${mails(event.count)} delivered${asTickets(event)}`;
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
      return hasWords(event.code) ? codeWords(event.code) : `the fetch failed (${event.code})`;
    case "well":
      return event.code === "DESK_UNAVAILABLE" ? "the desk takes mail again" : "fetched again without a fault";
  }
}

function mails(count: number): string {
  return count === 1 ? "1 mail" : `${count} mails`;
}

/** Tickets are named as those of all mails only where each mail has one. */
function asTickets({ count, tickets, named }: ActivityEvent & { kind: "delivered" }): string {
  if (tickets === "") return "";
  const isOne = !/[–,…]/.test(tickets);
  const names = isOne ? `ticket ${tickets}` : `tickets ${tickets}`;
  if (named !== count && !(named === undefined && count === 1)) return `, among them ${names}`;
  return isOne && count > 1 ? `, all to ${names}` : ` as ${names}`;
}

/** Each code in words, with the code behind them for whoever looks it up. */
function because(codes: string): string {
  if (codes === "") return "";
  const reasons = codes.split(", ").map((code) => (hasWords(code) ? `${codeWords(code)} (${code})` : code));
  return `: ${reasons.join("; ")}`;
}
