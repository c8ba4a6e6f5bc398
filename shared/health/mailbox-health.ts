import { codeWords } from "../activity/code-words.ts";
import type { OpenCircuit } from "../desks/circuit-breaker.ts";
import type { AppAlarm, StoredMailbox } from "../mailboxes/mailbox.ts";
import { TICK_OVERDUE_MS, WARN_BEFORE_END_MS } from "./thresholds.ts";
import type { TokenView } from "./token-view.ts";

/**
 * What a person can do here about a mailbox. connect: its owner signs in; approve: an administrator of its organisation
 * consents; none: nothing is wrong, or its remedy is elsewhere.
 */
type RemedyAction = "connect" | "approve" | "resume" | "fetch" | "replay" | "none";

/** A mailbox in one line. */
export interface MailboxHealth {
  readonly colour: "good" | "warn" | "bad";
  /** The state in a few words. */
  readonly line: string;
  /** What is wrong and what to do, in a sentence; `undefined` where nothing is. */
  readonly wrong: string | undefined;
  readonly remedyAction: RemedyAction;
}

export interface HealthFacts {
  readonly mailbox: StoredMailbox;
  readonly pending: number;
  readonly quarantined: number;
  readonly token: TokenView | undefined;
  readonly alarm: AppAlarm | undefined;
  readonly lastTick: Date | undefined;
  /** Set where the circuit of the mailbox's desk is open. */
  readonly openCircuit: OpenCircuit | undefined;
  readonly now: Date;
}

/** Errors that pass by themselves only once somebody has changed something. */
const LASTING: Readonly<Record<string, RemedyAction>> = {
  GRAPH_REFUSED: "connect",
  CONFIGURATION_INVALID: "none",
  APP_MISCONFIGURED: "none",
};

/** Decides what to say of a mailbox: what keeps mail from coming first, then what waits for a person. */
export function mailboxHealth(facts: HealthFacts): MailboxHealth {
  const { id, address } = facts.mailbox;
  const health = healthOf(facts);
  // Errors of parts that know a mailbox by its id alone: people know it by its address.
  return { ...health, wrong: health.wrong?.replaceAll(id, address) };
}

function healthOf(facts: HealthFacts): MailboxHealth {
  const { status, access } = facts.mailbox;
  const connecting = access === "application" ? "approve" : "connect";
  switch (status) {
    case "new":
      return {
        colour: "warn",
        line: "Not connected yet",
        wrong:
          access === "application"
            ? "An administrator must grant Deskpost access to it."
            : "Its owner must connect it: nothing is fetched before.",
        remedyAction: connecting,
      };
    case "needs-owner":
      return {
        colour: "bad",
        line: "Must be connected again",
        wrong: messageOf(facts, "Microsoft no longer accepts the consent: connect it again."),
        remedyAction: connecting,
      };
    case "needs-admin":
      return {
        colour: "bad",
        line: "Blocked by its organisation",
        wrong: messageOf(facts, "Its organisation blocks the sign-in: its administrator must allow it."),
        remedyAction: "approve",
      };
    case "paused":
      return {
        colour: "warn",
        line: "Paused",
        wrong: "Nothing is fetched until somebody resumes it.",
        remedyAction: "resume",
      };
    case "connected":
      return connectedHealth(facts);
  }
}

function connectedHealth({ mailbox, pending, quarantined, token, ...facts }: HealthFacts): MailboxHealth {
  const { alarm, lastTick, openCircuit, now } = facts;
  const { lastError, lastFetchAt, lastSuccessAt, desk } = mailbox;
  if (alarm !== undefined) {
    return {
      colour: "bad",
      line: "Connected, but Deskpost's own sign-in is refused",
      wrong: alarm.message,
      remedyAction: "none",
    };
  }
  if (lastTick !== undefined && now.getTime() - lastTick.getTime() > TICK_OVERDUE_MS) {
    const wrong = `No fetch has run since ${lastTick.toISOString()}: look whether the function app is started and lists the function fetch-mail.`;
    return { colour: "bad", line: "Connected, but nothing is fetched", wrong, remedyAction: "none" };
  }
  if (openCircuit !== undefined || /^DESK_(?:UNAVAILABLE|FAILING)$/.test(lastError?.code ?? "")) {
    const wrong =
      openCircuit === undefined
        ? (lastError?.message ?? "")
        : `The desk "${desk}" takes no mail since ${openCircuit.since.toISOString()}: ${codeWords(openCircuit.code)} (${openCircuit.code}). Mail waits, and it is tried again by itself.`;
    return { colour: "warn", line: "Connected, but the desk takes no mail", wrong, remedyAction: "fetch" };
  }
  if (lastError !== undefined) {
    const remedy = LASTING[lastError.code];
    const colour = remedy === undefined ? "warn" : "bad";
    // What a fetch that went well says is a note: mail comes all the same.
    if (lastFetchAt !== undefined && lastFetchAt.getTime() === lastSuccessAt?.getTime()) {
      return { colour: "warn", line: "Connected, with a note", wrong: lastError.message, remedyAction: "none" };
    }
    const line = "Connected, but the last fetch failed";
    return { colour, line, wrong: lastError.message, remedyAction: remedy ?? "fetch" };
  }
  if (quarantined > 0) {
    const wrong = `${mails(quarantined)} could not be delivered and must be replayed or given up.`;
    return { colour: "warn", line: `Connected; ${mails(quarantined)} in quarantine`, wrong, remedyAction: "replay" };
  }
  const endsAt = token?.refreshToken?.goodUntil;
  if (endsAt !== undefined && endsAt.getTime() - now.getTime() <= WARN_BEFORE_END_MS) {
    const wrong = `Its sign-in ends at ${endsAt.toISOString()} and nothing has renewed it for two months: connect it again.`;
    return { colour: "warn", line: "Connected, but the sign-in ends soon", wrong, remedyAction: "connect" };
  }
  return { colour: "good", line: deliveredLine(pending, mailbox.refused), wrong: undefined, remedyAction: "none" };
}

/** A mail that the desk refused is not delivered, and nobody has to do anything about it: the line says both. */
function deliveredLine(pending: number, refused: number): string {
  if (pending > 0) return `Connected; ${mails(pending)} on the way`;
  if (refused === 0) return "Connected; all mail delivered";
  return `Connected; all mail delivered but ${mails(refused)} that the desk refused`;
}

function messageOf({ mailbox }: HealthFacts, otherwise: string): string {
  return mailbox.lastError?.message ?? otherwise;
}

function mails(count: number): string {
  return count === 1 ? "1 mail" : `${count} mails`;
}
