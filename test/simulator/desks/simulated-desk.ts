import { readMailHeaders } from "../graph/graph-mail-headers.ts";
import type { StandIn } from "../stand-in.ts";
import type { Uvdesk, UvdeskMode } from "./uvdesk.ts";
import type { WebhookReceiver } from "./webhook-receiver.ts";

export type DeskName = "uvdesk" | "webhook";

/** A mail as it arrived at the desk, whatever the desk made of it. */
interface DeskMail {
  readonly idempotencyKey: string;
  readonly bytes: Buffer;
  /** Simulated ms since 1970. */
  readonly at: number;
  /** Whether the desk has it now because of this arrival. */
  readonly taken: boolean;
}

/** A ticket, or whatever the desk shows for a mail. */
interface DeskItem {
  readonly title: string;
  readonly from: string;
  readonly at: number;
  readonly note: string;
}

/** How the desk can behave, in the words of a person. */
interface DeskMood {
  readonly name: string;
  readonly label: string;
  /** What Deskpost's page should show then. */
  readonly expect: string;
}

/** What UVdesk and the webhook receiver have in common: the desk of the simulator, whichever it is. */
export interface SimulatedDesk {
  readonly name: DeskName;
  readonly title: string;
  readonly origin: string;
  /** Every mail that arrived, in order. */
  readonly mails: readonly DeskMail[];
  readonly items: readonly DeskItem[];
  readonly moods: readonly DeskMood[];
  readonly mood: string;
  setMood(name: string): void;
  /** The next mail is too large for it, whatever its size. */
  refuseOne(): void;
}

const WELL: DeskMood = {
  name: "ok",
  label: "takes mail",
  expect:
    "What waited is delivered within five minutes: a desk that failed is tried again after a while. “Fetch now” on Deskpost’s page tries it at once.",
};
const UNREACHABLE: DeskMood = {
  name: "unreachable",
  label: "is down",
  expect: "New mail stays pending, the mailbox shows the fault of the desk, and nothing is lost.",
};
const OVERLOADED: DeskMood = {
  name: "503",
  label: "answers 503",
  expect: "Mail waits for as long as the desk asks for.",
};

const UVDESK_MOODS: readonly (DeskMood & { readonly name: UvdeskMode })[] = [
  { ...WELL, name: "ok" },
  { ...UNREACHABLE, name: "unreachable" },
  {
    name: "maintenance-html",
    label: "shows a maintenance page",
    expect: "The page comes with status 200. Deskpost does not take it for a yes: mail stays pending.",
  },
  { name: "slow", label: "is slow", expect: "Each mail takes a second; every one arrives, and once only." },
  { ...OVERLOADED, name: "503" },
];

const WEBHOOK_MOODS = [WELL, UNREACHABLE, OVERLOADED] as const;

function tooLargeOnce(standIn: StandIn): void {
  standIn.plan(({ method }) => method === "POST", { kind: "answer", answer: { status: 413 } });
}

/** UVdesk as the desk of the simulator. */
export function uvdeskAsDesk(uvdesk: Uvdesk): SimulatedDesk {
  return {
    name: "uvdesk",
    title: "UVdesk",
    origin: `${uvdesk.origin}/`,
    get mails() {
      return uvdesk.received.map(({ bytes, at, headers, outcome }) => ({
        idempotencyKey: String(headers["idempotency-key"] ?? ""),
        bytes,
        at,
        taken: outcome === "new" || outcome === "reply",
      }));
    },
    get items() {
      return uvdesk.tickets.map(({ number, subject, from, at, replies }) => ({
        title: subject,
        from,
        at,
        note: replies.length === 0 ? `#${number}` : `#${number}, ${replies.length} more`,
      }));
    },
    moods: UVDESK_MOODS,
    get mood() {
      return uvdesk.mode;
    },
    setMood: (name) => {
      const mood = UVDESK_MOODS.find((candidate) => candidate.name === name);
      if (mood === undefined) throw new Error(`UVdesk cannot be "${name}"`);
      uvdesk.mode = mood.name;
    },
    refuseOne: () => tooLargeOnce(uvdesk.standIn),
  };
}

/** The webhook receiver as the desk of the simulator. */
export function webhookAsDesk(webhook: WebhookReceiver): SimulatedDesk {
  let mood: string = WELL.name;
  return {
    name: "webhook",
    title: "Webhook receiver",
    origin: webhook.url,
    get mails() {
      return webhook.received.map(({ id, bytes, at, status }) => ({
        idempotencyKey: id,
        bytes,
        at,
        taken: status >= 200 && status < 300,
      }));
    },
    get items() {
      return webhook.received.map(({ bytes, at, status }) => {
        const { subject, from } = readMailHeaders(bytes);
        return { title: subject, from: from?.address ?? "", at, note: `answered ${status}` };
      });
    },
    moods: WEBHOOK_MOODS,
    get mood() {
      return mood;
    },
    setMood: (name) => {
      if (!WEBHOOK_MOODS.some((candidate) => candidate.name === name)) {
        throw new Error(`The webhook receiver cannot be "${name}"`);
      }
      mood = name;
      webhook.standIn.setDown(name === UNREACHABLE.name);
      webhook.answerWith(name === OVERLOADED.name ? 503 : undefined);
    },
    refuseOne: () => tooLargeOnce(webhook.standIn),
  };
}
