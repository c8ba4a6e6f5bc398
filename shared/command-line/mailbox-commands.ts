import { type Command, query, wholeNumber } from "./command.ts";
import { findMailbox, type ListedMailbox, listMailboxes, pathOf } from "./mailboxes.ts";
import { cell, facts, table } from "./table.ts";
import { UsageError } from "./usage-error.ts";

const WAIT_POLL_MS = 2_000;
const WAIT_POLLS = 60;

function action(name: "pause" | "resume", help: string): Command {
  return {
    name: `mailboxes ${name}`,
    arguments: ["MAILBOX"],
    help,
    async run({ api, argument }) {
      const mailbox = await api.post<ListedMailbox>(`${await pathOf(api, argument("MAILBOX"))}/${name}`);
      return { json: mailbox, text: `${mailbox.address} is ${mailbox.status}\n` };
    },
  };
}

interface CheckAnswer {
  readonly result: string;
  readonly durationMs: number;
  readonly steps: readonly {
    readonly name: string;
    readonly result: string;
    readonly evidence: Readonly<Record<string, unknown>>;
    readonly remedy?: string;
  }[];
}

/** The list of mailboxes, and all that is done to one. */
export const mailboxCommands: readonly Command[] = [
  {
    name: "mailboxes list",
    arguments: [],
    help: "all mailboxes, in one line each",
    async run({ api }) {
      const mailboxes = await listMailboxes(api);
      const rows = mailboxes.map(({ health, ...one }) => [
        one.id,
        one.address,
        one.folder,
        one.pending,
        one.quarantined,
        one.lastMailAt,
        health.mend === "none" ? "" : health.mend,
        health.line,
      ]);
      const heads = ["id", "address", "folder", "pending", "quarantined", "last mail", "to do", "state"];
      return {
        json: mailboxes,
        text: rows.length === 0 ? "No mailbox yet: add one with mailboxes add\n" : table(heads, rows),
      };
    },
  },
  {
    name: "mailboxes add",
    arguments: ["ADDRESS"],
    help: "adds a mailbox; connect it afterwards",
    options: {
      desk: { type: "string", help: "the desk that gets its mail, as DESKS names it", isRequired: true },
      folder: { type: "string", help: "the folder, by its well-known name or id (default inbox)" },
      since: { type: "string", help: "deliver mail received since this date (default: from connecting on)" },
      acknowledge: { type: "string", help: "nothing, mark-read or move (default nothing)" },
      "move-to": { type: "string", help: "with --acknowledge move: the folder" },
      access: { type: "string", help: "owner or application (default owner)" },
    },
    async run({ api, argument, option }) {
      const added = await api.post<ListedMailbox>("mailboxes", {
        address: argument("ADDRESS"),
        desk: option("desk"),
        folder: option("folder"),
        since: option("since"),
        acknowledge: option("acknowledge"),
        moveTo: option("move-to"),
        access: option("access"),
      });
      return { json: added, text: `${added.address} was added as ${added.id}. Next: mailboxes connect ${added.id}\n` };
    },
  },
  {
    name: "mailboxes show",
    arguments: ["MAILBOX"],
    help: "everything about one mailbox",
    async run({ api, argument }) {
      const mailbox = await findMailbox(api, argument("MAILBOX"));
      const { health, token, id, address, folder, desk, access, status, pending, quarantined } = mailbox;
      const shown = {
        ...{ id, address, folder, desk, access, status, state: health.line, wrong: health.wrong, mend: health.mend },
        ...{ pending, quarantined, delivered: mailbox.delivered, refused: mailbox.refused },
        "last mail": mailbox.lastMailAt,
        "last fetch": mailbox.lastFetchAt,
        "next fetch": mailbox.nextFetchAt,
        "connected by": token?.userName,
        "token good until": token?.goodUntil,
      };
      return { json: mailbox, text: facts(shown) };
    },
  },
  action("pause", "fetches nothing from it until it is resumed"),
  action("resume", "fetches from it again"),
  {
    name: "mailboxes fetch",
    arguments: ["MAILBOX"],
    help: "fetches its mail now, and tries its desk again",
    options: { wait: { type: "boolean", help: "waits until that is done, two minutes at most" } },
    async run({ api, argument, has, progress, sleep }) {
      const path = await pathOf(api, argument("MAILBOX"));
      const before = await api.get<ListedMailbox>(path);
      let mailbox = await api.post<ListedMailbox>(`${path}/fetch`);
      if (mailbox.status !== "connected") {
        return { json: mailbox, text: `${mailbox.address} is ${mailbox.status}: nothing is fetched\n`, failed: true };
      }
      if (!has("wait")) return { json: mailbox, text: `${mailbox.address} is fetched now\n` };
      for (let polls = 0; polls < WAIT_POLLS && mailbox.lastFetchAt === before.lastFetchAt; polls += 1) {
        progress(`waiting for the run (${(polls * WAIT_POLL_MS) / 1_000} s)`);
        await sleep(WAIT_POLL_MS);
        mailbox = await api.get<ListedMailbox>(path);
      }
      const isDone = mailbox.lastFetchAt !== before.lastFetchAt;
      const text = isDone
        ? `${mailbox.address} was fetched; ${mailbox.delivered - before.delivered} delivered\n`
        : "The run has not ended yet\n";
      return { json: mailbox, text, failed: !isDone };
    },
  },
  {
    name: "mailboxes connect",
    arguments: ["MAILBOX"],
    help: "connects what an administrator has granted; for an owner, makes an invitation",
    async run({ api, argument }) {
      const { id, access, address } = await findMailbox(api, argument("MAILBOX"));
      if (access === "application") {
        const result = await api.post(`mailboxes/${id}/connect`);
        return { json: result, text: `${address} is connected\n` };
      }
      const invitation = await api.post<{ url: string; endsAt: string }>(`mailboxes/${id}/invite`);
      const { url, endsAt } = invitation;
      return {
        json: invitation,
        text: `Send this to the owner of ${address}; it works once, until ${cell(endsAt)}:\n${url}\n`,
      };
    },
  },
  {
    name: "mailboxes remove",
    arguments: ["MAILBOX"],
    help: "forgets a mailbox and its tokens; what was delivered stays known",
    options: { yes: { type: "boolean", help: "means it" } },
    async run({ api, argument, has }) {
      if (!has("yes")) throw new UsageError("This forgets the mailbox and its tokens: say --yes to mean it");
      const path = await pathOf(api, argument("MAILBOX"));
      return { json: await api.delete(path), text: `${argument("MAILBOX")} was removed\n` };
    },
  },
  {
    name: "mailboxes check",
    arguments: ["MAILBOX"],
    help: "tests it from end to end: what is in order, what is not, and what to change where",
    options: { "test-message": { type: "boolean", help: "hands the desk a real message, marked as a test" } },
    async run({ api, argument, has, progress }) {
      const path = await pathOf(api, argument("MAILBOX"));
      progress("checking; this takes half a minute at most");
      const report = await api.post<CheckAnswer>(`${path}/check`, { testMessage: has("test-message") });
      const lines = report.steps.map(({ name, result, evidence, remedy }) => {
        const shown = Object.entries(evidence).map(([fact, value]) => `${fact} ${cell(value)}`);
        return [result, name, remedy ?? shown.join(", ")];
      });
      const text = `${table(["result", "step", "evidence or remedy"], lines)}${report.result}, in ${report.durationMs} ms\n`;
      return { json: report, text, failed: report.result === "failed" };
    },
  },
  {
    name: "mailboxes activity",
    arguments: ["MAILBOX"],
    help: "what happened to it of late, the newest first",
    options: { limit: { type: "string", help: "so many at most (default 50)" } },
    async run({ api, argument, option }) {
      const path = await pathOf(api, argument("MAILBOX"));
      const limit = wholeNumber("limit", option("limit"));
      const { activity } = await api.get<{ activity: readonly { at: string; words: string }[] }>(
        `${path}/activity${query({ limit })}`,
      );
      return {
        json: activity,
        text: table(
          ["at (utc)", "what"],
          activity.map(({ at, words }) => [at, words]),
        ),
      };
    },
  },
  {
    name: "mailboxes account",
    arguments: ["MAILBOX"],
    help: "accounts for every mail received between two dates",
    options: {
      from: { type: "string", help: "received from this date on", isRequired: true },
      until: { type: "string", help: "received until this date (default now)" },
    },
    async run({ api, argument, option, progress }) {
      const path = await pathOf(api, argument("MAILBOX"));
      progress("counting; a large folder takes a while");
      const audit = await api.get<AuditAnswer>(
        `${path}/account${query({ from: option("from"), until: option("until") })}`,
      );
      const { states, ...rest } = audit;
      return { json: audit, text: facts({ ...rest, ...states }), failed: audit.difference !== 0 };
    },
  },
  {
    name: "mailboxes import",
    arguments: ["MAILBOX"],
    help: "delivers mail from before the mailbox was connected",
    options: {
      since: { type: "string", help: "received since this date", isRequired: true },
      "dry-run": { type: "boolean", help: "only counts" },
    },
    async run({ api, argument, option, has, progress }) {
      const path = await pathOf(api, argument("MAILBOX"));
      const dryRun = has("dry-run");
      progress("looking through the folder; a large one takes a while");
      const counts = await api.post<Readonly<Record<string, unknown>>>(`${path}/import`, {
        since: option("since"),
        dryRun,
      });
      return { json: counts, text: `${facts(counts)}${dryRun ? "Nothing was changed\n" : ""}` };
    },
  },
];

interface AuditAnswer {
  readonly states: Readonly<Record<string, number>>;
  readonly difference: number;
}
