import { codeOf } from "../../shared/platform/errors.ts";
import type { Draws } from "./draws.ts";
import type { MailPath } from "./instances.ts";
import type { Plan } from "./plan.ts";
import type { Platform } from "./platform.ts";
import { type Mail, OLDEST_MAIL_HOURS, type SimulatedMailbox, type World } from "./world.ts";

export type Decision = "replay" | "discard";

const DECISIONS: readonly [Decision, Decision] = ["replay", "discard"];

/** Those who look after the mailboxes on the pages. */
export interface People {
  /** Now and then one of them does something, or two at once. */
  actAtTimes(): void;
  actBetweenTicks(): void;
  /** One decides about each message in quarantine, and a second one, who does not know of the first, about some. */
  decide(): void;
  /** What was decided in the end, and done. */
  decision(mail: Mail): Decision | undefined;
  /** Since when mail was imported, as far as the one who asked for it was told that it is. */
  importedSince(mailbox: SimulatedMailbox): Date | undefined;
}

/** What a person is told, where somebody or something else was faster. */
const USUAL_REFUSALS: ReadonlySet<string> = new Set(["INPUT_INVALID", "ROW_CHANGED", "MESSAGE_NOT_FOUND"]);
const HOUR_MS = 3_600_000;
/** Messages that a person sees in one list. */
const LIST_LIMIT = 50;

export interface PeopleOptions {
  readonly plan: Plan;
  readonly world: World;
  readonly platform: Pick<Platform, "work">;
  readonly draws: Draws;
  readonly violated: (law: string) => void;
}

export function createPeople({ plan, world, platform, draws, violated }: PeopleOptions): People {
  const decisions = new Map<Mail, Decision>();
  const imports = new Map<SimulatedMailbox, Date>();

  /** @returns whether it was done */
  async function unlessRefused(task: () => Promise<unknown>): Promise<boolean> {
    try {
      await task();
      return true;
    } catch (error) {
      if (USUAL_REFUSALS.has(codeOf(error))) return false;
      throw error;
    }
  }

  const mailOf = (id: string, key: string) =>
    world.mails.find((mail) => mail.mailbox.id === id && mail.keys.includes(key));

  /** A message as somebody may have it on an old page, in whatever state it is by now. */
  function anyKey({ id }: SimulatedMailbox): string {
    const mails = world.mails.filter(({ mailbox }) => mailbox.id === id);
    const odd = mails.filter(({ kind }) => kind !== "usual");
    return draws.pickAny(odd.length > 0 && draws.chance(0.5) ? odd : mails)?.keys.at(-1) ?? "";
  }

  async function importMail(_: string, mailbox: SimulatedMailbox, { registry, importMail }: MailPath): Promise<void> {
    const since = new Date(mailbox.deliverFrom.getTime() - draws.between(0, OLDEST_MAIL_HOURS) * HOUR_MS);
    const stored = await registry.get(mailbox.id);
    if (stored === undefined) return;
    await unlessRefused(() => importMail.preview(stored, since));
    if (!(await unlessRefused(() => importMail.start(stored, since)))) return;
    const before = imports.get(mailbox);
    if (before === undefined || since < before) imports.set(mailbox, since);
  }

  async function download({ id }: SimulatedMailbox, key: string, { messages }: MailPath): Promise<void> {
    const { body } = await messages.content(id, key);
    const bytes = Buffer.from(await new Response(body.stream).arrayBuffer());
    const mail = mailOf(id, key);
    if (mail !== undefined && bytes.byteLength > 0 && !bytes.equals(mail.bytes))
      violated(`${mail.name} is downloaded, and not whole`);
  }

  type Act = (key: string, mailbox: SimulatedMailbox, mailPath: MailPath) => Promise<unknown>;
  const ACTS: readonly Act[] = [
    (_, { id }, { quarantine }) => quarantine.replayAll(id),
    async (_, { id }, { quarantine }) => {
      const entry = draws.pickAny(await quarantine.list(id, LIST_LIMIT));
      if (entry !== undefined) await quarantine.replay(id, entry.key);
    },
    async (_, { id }, { quarantine }) => {
      const entry = draws.pickAny(await quarantine.list(id, LIST_LIMIT));
      if (entry !== undefined) await quarantine.discard(id, entry.key, "nobody wants it");
    },
    (key, { id }, { quarantine }) => quarantine.replay(id, key),
    (key, { id }, { quarantine }) => quarantine.discard(id, key, "by mistake"),
    (key, mailbox, mailPath) => download(mailbox, key, mailPath),
    ...(plan.imports ? [importMail, importMail] : []),
  ];

  /** By its present id: what becomes of the rows of ids that the mail had before says nothing about the mail. */
  function noteDecision(mail: Mail, key: string, decision: Decision): void {
    // What is discarded can be replayed, and not the other way round.
    if (key === mail.keys.at(-1) && decisions.get(mail) !== "replay") decisions.set(mail, decision);
  }

  async function decideAbout(mail: Mail, key: string, decision: Decision, { quarantine }: MailPath): Promise<void> {
    const { id } = mail.mailbox;
    const isDone = await unlessRefused(() =>
      decision === "replay" ? quarantine.replay(id, key) : quarantine.discard(id, key, "for good"),
    );
    if (isDone) noteDecision(mail, key, decision);
  }

  async function decideOnEach(id: string, mailPath: MailPath): Promise<void> {
    for (const { key } of await mailPath.quarantine.list(id, LIST_LIMIT)) {
      const mail = mailOf(id, key);
      if (mail === undefined) continue;
      const [first, second] = [draws.pick<Decision>(["replay", "replay", "discard"]), draws.pick(DECISIONS)];
      if (draws.chance(0.3)) platform.work("another decision", (other) => decideAbout(mail, key, second, other));
      await decideAbout(mail, key, first, mailPath);
    }
  }

  /** Both have the page of the same message before them. */
  function twoReplayRefused(id: string): void {
    const refused = world.mails.filter(({ mailbox, kind }) => mailbox.id === id && kind === "unwanted");
    const key = draws.pickAny(refused)?.keys.at(-1);
    if (key === undefined) return;
    for (const person of ["one", "another"]) {
      platform.work(`${person} replays what was refused`, async ({ quarantine }) => {
        await unlessRefused(() => quarantine.replay(id, key));
      });
    }
  }

  async function replayAll(id: string, { quarantine }: MailPath): Promise<void> {
    const listed = await quarantine.list(id, LIST_LIMIT);
    await quarantine.replayAll(id);
    for (const { key } of listed) {
      const mail = mailOf(id, key);
      if (mail !== undefined) noteDecision(mail, key, "replay");
    }
  }

  function act(): void {
    const mailbox = draws.pickAny(world.mailboxes);
    const act = draws.pickAny(ACTS);
    if (mailbox === undefined || act === undefined) return;
    const key = anyKey(mailbox);
    for (let persons = draws.chance(0.3) ? 2 : 1; persons > 0; persons -= 1) {
      platform.work("what a person asks for", async (mailPath) => {
        await unlessRefused(() => act(key, mailbox, mailPath));
      });
    }
  }

  const isBusy = plan.people > 0 || plan.imports || plan.repairs;

  return {
    actAtTimes: () => {
      if (draws.chance(plan.people)) act();
    },

    actBetweenTicks: () => {
      if (isBusy && draws.chance(0.3)) act();
    },

    decide: () => {
      for (const { id } of world.mailboxes) {
        twoReplayRefused(id);
        if (draws.chance(0.4)) {
          for (const person of ["one", "another"])
            platform.work(`${person} replays all`, (mailPath) => replayAll(id, mailPath));
        } else platform.work("decisions", (mailPath) => decideOnEach(id, mailPath));
      }
    },

    decision: (mail) => decisions.get(mail),
    importedSince: (mailbox) => imports.get(mailbox),
  };
}
