import { messageKey } from "../../shared/mail/message.ts";
import { mailboxId } from "../../shared/mailboxes/mailbox.ts";
import type { Graph } from "../simulator/graph/graph.ts";
import type { ResetShape } from "../simulator/graph/graph-controls.ts";
import type { Mailbox as GraphMailbox } from "../simulator/graph/graph-mailbox.ts";
import type { Draws } from "./draws.ts";
import type { Plan, PlannedMailbox } from "./plan.ts";

/**
 * usual: to be delivered; unwanted: the desk refuses it; poison: the desk fails over it each time; unreadable: Graph does,
 * until somebody repairs it.
 */
export type MailKind = "usual" | "unwanted" | "poison" | "unreadable";

/** One mail in one mailbox; the same mail may have gone to two. */
export interface Mail {
  readonly name: string;
  readonly kind: MailKind;
  readonly mailbox: SimulatedMailbox;
  /** Its immutable id at present. */
  id: string;
  /** In the ledger; one for each id that it has had. */
  readonly keys: string[];
  readonly receivedAt: Date;
  readonly bytes: Buffer;
  /** What made it poison or unreadable is no more. */
  isRepaired: boolean;
}

export interface SimulatedMailbox {
  readonly plan: PlannedMailbox;
  readonly id: string;
  readonly graph: GraphMailbox;
  /** Before anybody imports older mail. */
  readonly deliverFrom: Date;
}

export interface World {
  readonly mailboxes: readonly SimulatedMailbox[];
  readonly mails: readonly Mail[];
  /** By immutable id. */
  mail(id: string): Mail | undefined;
  /** By the bytes, or bytes that hold them. */
  mailsIn(bytes: Buffer): readonly Mail[];
  /** One thing happens that is not Deskpost's doing. */
  happen(): void;
  /** The mailbox is moved to another organisation: every message has another id. */
  migrate(mailbox: SimulatedMailbox): void;
  /** What people and Microsoft put right in the end. */
  calm(): void;
  /** Some of what could not be delivered can be from now on. */
  repair(): void;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
export const OLDEST_MAIL_HOURS = 20 * 24;
export const OWNER = "owner";
export const UNWANTED_SENDER = "blocked@example.org";

export interface WorldOptions {
  readonly plan: Plan;
  readonly graph: Graph;
  readonly draws: Draws;
  readonly trace: (line: string) => void;
  readonly endTokens: () => void;
}

export function createWorld({ plan, graph, draws, trace, endTokens }: WorldOptions): World {
  const { between, chance, pickAny } = draws;
  const mails: Mail[] = [];
  const byId = new Map<string, Mail>();
  let count = 0;

  const deliverFrom = new Date(Date.now() - HOUR_MS);
  const mailboxes = plan.mailboxes.map(
    (planned): SimulatedMailbox => ({
      plan: planned,
      id: mailboxId(planned.address, "inbox"),
      graph: graph.addMailbox({ address: planned.address, ownerOid: OWNER }),
      deliverFrom,
    }),
  );

  function bytesOf(name: string, kind: MailKind): Buffer {
    const from = kind === "unwanted" ? UNWANTED_SENDER : "customer@example.org";
    const head = `From: ${from}\r\nTo: help@example.com\r\nSubject: ${name}\r\nMessage-ID: <${name}@example.org>\r\n\r\n`;
    const body = Buffer.from(Array.from({ length: between(1, 80) }, () => between(0, 255)));
    return Buffer.concat([Buffer.from(head), body]);
  }

  function kindOf(): MailKind {
    if (chance(plan.repairs ? 0.75 : 0.9)) return "usual";
    return draws.pick(["unwanted", "poison", "unreadable"]);
  }

  function put(mailbox: SimulatedMailbox, { folder = "inbox", ageMs = 0 } = {}): Mail {
    count += 1;
    const kind = kindOf();
    const name = `${kind}-${count}`;
    return enter(mailbox, name, kind, bytesOf(name, kind), folder, new Date(Date.now() - ageMs));
  }

  function enter(
    mailbox: SimulatedMailbox,
    name: string,
    kind: MailKind,
    bytes: Buffer,
    folder: string,
    receivedAt: Date,
  ): Mail {
    const { immutableId: id } = mailbox.graph.deliver(bytes, { folder, receivedAt, name });
    if (kind === "unreadable") mailbox.graph.corrupt(id);
    // Graph keeps whole seconds.
    const second = new Date(Math.floor(receivedAt.getTime() / 1_000) * 1_000);
    const mail: Mail = {
      name,
      kind,
      mailbox,
      id,
      keys: [messageKey(id)],
      receivedAt: second,
      bytes,
      isRepaired: false,
    };
    mails.push(mail);
    byId.set(id, mail);
    trace(`${name} arrives in ${folder} of ${mailbox.plan.address}`);
    return mail;
  }

  function existing(folder?: string): Mail | undefined {
    return pickAny(
      mailboxes.flatMap(({ graph: { messages } }) =>
        messages(folder).flatMap(({ immutableId }) => byId.get(immutableId) ?? []),
      ),
    );
  }

  /** To two addresses at once: one mail, two mailboxes. */
  function putInTwo(ageMs = 0): void {
    const { name, kind, bytes, receivedAt, mailbox } = put(someMailbox(), { ageMs });
    const other = pickAny(mailboxes.filter((candidate) => candidate !== mailbox));
    if (other !== undefined) enter(other, name, kind, bytes, "inbox", receivedAt);
  }

  function repair(mail: Mail): void {
    mail.isRepaired = true;
    const { graph: its } = mail.mailbox;
    const isThere = its.messages().some(({ immutableId }) => immutableId === mail.id);
    if (mail.kind === "unreadable" && isThere) its.repair(mail.id);
  }

  const someMailbox = () => pickAny(mailboxes) ?? fail("a world without a mailbox");

  const EVENTS: readonly (() => void)[] = [
    ...Array.from({ length: 6 }, () => () => {
      const mailbox = someMailbox();
      for (let left = between(1, 3); left > 0; left -= 1) put(mailbox);
    }),
    () => putInTwo(),
    () => {
      const mail = put(someMailbox());
      const minutes = between(1, 20);
      mail.mailbox.graph.setHiddenUntil(mail.id, new Date(Date.now() + minutes * MINUTE_MS));
      trace(`${mail.name} is hidden for ${minutes} min`);
    },
    () => {
      put(someMailbox(), { folder: "archive", ageMs: between(0, 30) * MINUTE_MS });
    },
    ...Array.from({ length: 2 }, () => () => {
      const mail = existing("inbox");
      mail?.mailbox.graph.move(mail.id, "archive");
      trace(`${mail?.name} is moved out`);
    }),
    ...Array.from({ length: 2 }, () => () => {
      const mail = existing("archive");
      mail?.mailbox.graph.move(mail.id, "inbox");
      trace(`${mail?.name} is moved in`);
    }),
    () => {
      const mail = existing();
      mail?.mailbox.graph.remove(mail.id);
      trace(`${mail?.name} is deleted`);
    },
    ...Array.from({ length: 3 }, () => () => {
      const mail = existing();
      mail?.mailbox.graph.setRead(mail.id, chance(0.7));
      trace(`${mail?.name} is read`);
    }),
    () => {
      const mail = existing();
      mail?.mailbox.graph.replay(mail.id);
      trace(`${mail?.name} is replayed`);
    },
    () => {
      graph.controls.resetShape = draws.pick<ResetShape>([
        "sync-state-not-found",
        "root-folder-not-found",
        "location",
        "resync-required",
        "sync-state-invalid",
      ]);
      const mailbox = someMailbox();
      mailbox.graph.expireSyncState();
      trace(`sync state of ${mailbox.plan.address} is lost: ${graph.controls.resetShape}`);
    },
    () => {
      const full = chance(0.5);
      const mailbox = someMailbox();
      mailbox.graph.setFull(full);
      trace(`${mailbox.plan.address} is ${full ? "full" : "not full"}`);
    },
    () => {
      endTokens();
      trace("tokens end");
    },
  ];

  // The oldest that is eligible: both mailboxes begin with it, at the same moment.
  putInTwo(55 * MINUTE_MS);
  for (const mailbox of mailboxes) {
    if (plan.datesOfTheFuture) put(mailbox, { ageMs: -between(1, 4_000) * HOUR_MS });
    for (let left = between(0, 2); left > 0; left -= 1) {
      put(mailbox, { folder: draws.pick(["inbox", "archive"]), ageMs: between(2, 48) * HOUR_MS });
    }
    // Older than a week it is delivered after all other mail; see the ledger's backlog.
    for (let left = plan.imports ? between(1, 5) : 0; left > 0; left -= 1) {
      put(mailbox, { ageMs: between(2, OLDEST_MAIL_HOURS) * HOUR_MS });
    }
    for (let left = mailbox.plan.backlog; left > 0; left -= 1) put(mailbox, { ageMs: between(0, 50) * MINUTE_MS });
  }

  return {
    mailboxes,
    mails,
    mail: (id) => byId.get(id),
    mailsIn: (bytes) => {
      const name = /Subject: ([\w-]+)/.exec(bytes.toString("latin1"))?.[1];
      return mails.filter((mail) => mail.name === name);
    },
    migrate: ({ graph, plan: { address } }) => {
      trace(`${address} is moved to another organisation`);
      for (const [before, id] of graph.migrate()) {
        const mail = byId.get(before);
        if (mail === undefined) continue;
        mail.id = id;
        mail.keys.push(messageKey(id));
        byId.set(id, mail);
      }
    },
    happen: () => pickAny(EVENTS)?.(),
    calm: () => {
      for (const mailbox of mailboxes) mailbox.graph.setFull(false);
    },
    repair: () => {
      const names = new Set(
        mails.filter(({ kind }) => kind === "poison" || kind === "unreadable").map(({ name }) => name),
      );
      for (const name of names) {
        if (chance(0.3)) continue;
        trace(`${name} is repaired`);
        for (const mail of mails.filter((one) => one.name === name)) repair(mail);
      }
    },
  };
}

function fail(message: string): never {
  throw new Error(message);
}
