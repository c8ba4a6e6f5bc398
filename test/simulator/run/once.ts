import { idempotencyKey, messageKey } from "../../../shared/mail/message.ts";
import type { DeskName } from "../desks/simulated-desk.ts";
import type { LogLine } from "../host/host-invocations.ts";
import type { MailFile } from "../mails/sample-mails.ts";
import { createPerson } from "../person/person.ts";
import { type Simulator, startSimulator } from "../simulator.ts";
import type { Ports } from "../simulator-ports.ts";
import { type Deskpost, startDeskpost } from "./deskpost.ts";
import type { MailboxReport, MessageReport } from "./deskpost-api.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 3_600_000;
/** A message that nobody can deliver is quarantined after 72 hours; then this run must be over, too. */
const LONGEST_RUN_MS = 5 * DAY_MS;
/** Where each round takes its message one step further, this is far more than any folder needs. */
const MOST_ROUNDS = 2_000;

interface OnceOptions {
  readonly mails: readonly MailFile[];
  readonly desk: DeskName;
  readonly ports: Ports;
  log(line: LogLine): void;
  /** Changes the simulated world before mail is fetched. */
  prepare?(simulator: Simulator): void;
}

/** What became of one mail. */
export interface MailOutcome {
  /** As the file is named. */
  readonly name: string;
  /** `missing`: Deskpost does not know it, which must not happen. */
  readonly state: MessageReport["state"] | "missing";
  /** The desk's words. */
  readonly answer: string;
  /** As the desk received it, where the desk took it. */
  readonly received: Buffer | undefined;
}

export interface OnceReport {
  readonly outcomes: readonly MailOutcome[];
  readonly graphRequests: number;
  readonly tokenRequests: number;
  /** Simulated time until nothing was pending. */
  readonly simulatedMs: number;
}

/**
 * Takes mails through the whole way without a person: they lie in the pretend mailbox, the mailbox is added and
 * connected through Deskpost's own functions, and mail is fetched until nothing waits any more.
 */
export async function runOnce({ mails, desk, ports, log, prepare }: OnceOptions): Promise<OnceReport> {
  const simulator = await startSimulator({ ports, desk });
  try {
    prepare?.(simulator);
    const deskpost = await startDeskpost(simulator, { runTimers: false, runQueues: false, log });
    try {
      return await takeThrough(simulator, deskpost, mails);
    } finally {
      await deskpost.stop();
    }
  } finally {
    await simulator.stop();
  }
}

async function takeThrough(simulator: Simulator, deskpost: Deskpost, mails: readonly MailFile[]): Promise<OnceReport> {
  const nameOf = new Map<string, string>();
  for (const { name, bytes } of mails) {
    const { immutableId } = simulator.mailbox.deliver(bytes, { name });
    nameOf.set(messageKey(immutableId), name);
  }
  const mailboxId = await connectMailbox(simulator, deskpost);
  const startedAt = simulator.clock.now();
  const messages = await fetchUntilSettled(simulator, deskpost, { mailboxId, expected: mails.length });

  const messageOf = new Map(messages.map((message) => [message.key, message]));
  // A mail that came twice: what came last is what the desk has, or what it compared with.
  const receivedAs = new Map(simulator.desk.mails.map(({ idempotencyKey: key, bytes }) => [key, bytes]));
  return {
    outcomes: [...nameOf].map(([key, name]) => {
      const { state = "missing", answer = "" } = messageOf.get(key) ?? {};
      const received = state === "delivered" ? receivedAs.get(idempotencyKey(mailboxId, key)) : undefined;
      return { name, state, answer, received };
    }),
    graphRequests: simulator.graph.requestCount,
    tokenRequests: Object.values(simulator.entra.tokenRequests).reduce((sum, count) => sum + count, 0),
    simulatedMs: simulator.clock.now() - startedAt,
  };
}

/** Adds a pretend mailbox and has its owner connect it. Gives its id. */
export async function connectMailbox(
  { owner, desk, mailbox }: Pick<Simulator, "owner" | "desk" | "mailbox">,
  { api }: Deskpost,
): Promise<string> {
  const since = new Date(Date.now() - DAY_MS).toISOString();
  const id = await api.addMailbox({ address: mailbox.address, desk: desk.name, since });
  const page = await createPerson({ oid: owner.oid }).connect(api.startConsentUrl(id));
  const added = (await api.mailboxes()).find((known) => known.id === id);
  if (added?.status !== "connected") {
    throw new Error(`The mailbox could not be connected: HTTP ${page.status} from ${page.url}\n${page.text}`);
  }
  return id;
}

interface Goal {
  readonly mailboxId: string;
  /** How many messages Deskpost must know in the end. */
  readonly expected: number;
}

/** Fetches again and again, and lets time pass where a message has to wait, until none is pending or the limit is reached. */
async function fetchUntilSettled(simulator: Simulator, deskpost: Deskpost, goal: Goal): Promise<MessageReport[]> {
  const { clock } = simulator;
  const lastMoment = clock.now() + LONGEST_RUN_MS;
  for (let round = 1; ; round += 1) {
    await deskpost.fetchMail();
    const [mailbox] = await deskpost.api.mailboxes();
    if (mailbox === undefined) throw new Error("Deskpost lost its mailbox");
    const isOver = round === MOST_ROUNDS || clock.now() > lastMoment || mailbox.status !== "connected";
    // The list of all messages is long, so it is asked for only when the count says that it may be complete.
    if (mailbox.pending === 0 || isOver) {
      const messages = await deskpost.api.messages(goal.mailboxId);
      if (isOver || messages.length >= goal.expected) return messages;
      clock.advanceTo(nextTick(clock.now()));
    } else {
      const pending = await deskpost.api.messages(goal.mailboxId, "pending");
      clock.advanceTo(momentToGoOn(clock.now(), mailbox, pending));
    }
  }
}

/** The first full minute at which the mailbox may be fetched and one of its messages tried. */
function momentToGoOn(now: number, mailbox: MailboxReport, pending: readonly MessageReport[]): number {
  const firstDue = Math.min(...pending.map(({ dueAt }) => Date.parse(dueAt)));
  const wanted = Math.max(firstDue, Date.parse(mailbox.nextFetchAt));
  return Math.max(nextTick(now), nextTick(wanted - 1));
}

function nextTick(after: number): number {
  return (Math.floor(after / MINUTE_MS) + 1) * MINUTE_MS;
}
