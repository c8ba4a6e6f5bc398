import { writeFile } from "node:fs/promises";
import { type Command, query, wholeNumber } from "./command.ts";
import { pathOf } from "./mailboxes.ts";
import { facts, table } from "./table.ts";
import { UsageError } from "./usage-error.ts";

interface Message {
  readonly key: string;
  readonly receivedAt: string;
  readonly state: string;
  readonly attempts: number;
  readonly answer: string;
}

/** What `replay` takes in one request; see shared/mail/operator/quarantine.ts. */
const REPLAYED_AT_ONCE = 1_000;

/** What could not be delivered, and what a person decides about it. */
export const quarantineCommands: readonly Command[] = [
  {
    name: "mailboxes quarantine list",
    arguments: ["MAILBOX"],
    help: "what could not be delivered, the longest first",
    options: { limit: { type: "string", help: "so many at most (default 100)" } },
    async run({ api, argument, option }) {
      const path = await pathOf(api, argument("MAILBOX"));
      const limit = wholeNumber("limit", option("limit")) ?? 100;
      const { messages } = await api.get<{ messages: readonly Message[] }>(
        `${path}/messages${query({ state: "quarantined", limit })}`,
      );
      const rows = messages.map(({ key, receivedAt, attempts, answer }) => [key, receivedAt, attempts, answer]);
      const text =
        rows.length === 0 ? "Nothing is in quarantine\n" : table(["key", "received", "tries", "reason"], rows);
      return { json: messages, text };
    },
  },
  {
    name: "mailboxes quarantine show",
    arguments: ["MAILBOX", "KEY"],
    help: "what is known of one message",
    async run({ api, argument }) {
      const message = await api.get<Message>(await messagePath(api, argument));
      return { json: message, text: facts({ ...message }) };
    },
  },
  {
    name: "mailboxes quarantine replay",
    arguments: ["MAILBOX", "[KEY]"],
    help: "offers a message to the desk again",
    options: { all: { type: "boolean", help: "instead of a key: everything that is in quarantine" } },
    async run({ api, argument, has, progress }) {
      const isOne = argument("[KEY]") !== "";
      if (isOne === has("all")) throw new UsageError("Give the key of a message, or --all");
      if (isOne) {
        const message = await api.post<Message>(`${await messagePath(api, argument)}/replay`);
        return { json: message, text: `${message.key} is ${message.state} again\n` };
      }
      const path = await pathOf(api, argument("MAILBOX"));
      let replayed = 0;
      for (let last = REPLAYED_AT_ONCE; last === REPLAYED_AT_ONCE; replayed += last) {
        last = (await api.post<{ replayed: number }>(`${path}/replay`)).replayed;
        progress(`${replayed + last} replayed`);
      }
      return { json: { replayed }, text: `${replayed} replayed\n` };
    },
  },
  {
    name: "mailboxes quarantine discard",
    arguments: ["MAILBOX", "KEY"],
    help: "gives a message up; it can still be replayed",
    options: { note: { type: "string", help: "why; kept with the message", isRequired: true } },
    async run({ api, argument, option }) {
      const message = await api.post<Message>(`${await messagePath(api, argument)}/discard`, { note: option("note") });
      return { json: message, text: `${message.key} is ${message.state}\n` };
    },
  },
  {
    name: "mailboxes quarantine download",
    arguments: ["MAILBOX", "KEY"],
    help: "saves a message as it lies in the mailbox",
    options: { out: { type: "string", help: "the file (default KEY.eml); one that exists is not replaced" } },
    async run({ api, argument, option }) {
      const bytes = await api.download(`${await messagePath(api, argument)}/content`);
      const file = option("out") ?? `${argument("KEY")}.eml`;
      try {
        await writeFile(file, bytes, { flag: "wx" });
      } catch (error) {
        throw new UsageError(`${file} cannot be written: ${(error as Error).message}`);
      }
      return { json: { file, bytes: bytes.byteLength }, text: `${bytes.byteLength} bytes are in ${file}\n` };
    },
  },
];

async function messagePath(api: Parameters<typeof pathOf>[0], argument: (name: string) => string): Promise<string> {
  const key = argument("KEY") || argument("[KEY]");
  return `${await pathOf(api, argument("MAILBOX"))}/messages/${encodeURIComponent(key)}`;
}
