import {
  LEDGER_MEMORY_MS,
  MESSAGE_STATES,
  mayBePurged,
  type Purged,
  type StoredEntry,
} from "../../shared/mail/ledger/ledger.ts";
import { BACKLOG, listRows, PENDING, QUARANTINED } from "../../shared/mail/ledger/ledger-rows-table.ts";
import { createLedger } from "../../shared/mail/ledger/ledger-table.ts";
import type { Audit } from "../../shared/mail/operator/audit.ts";
import { createMailboxRegistry } from "../../shared/mailboxes/registry-table.ts";
import type { Tables } from "../../shared/platform/tables-azure.ts";
import type { Disk } from "./disk.ts";
import type { People } from "./people.ts";
import type { Watch } from "./watch.ts";
import type { Mail, SimulatedMailbox, World } from "./world.ts";

/** What a desk has of a mail. */
export interface DeskHolding {
  /** How often it has the text of the mail: a ticket without it is nothing. */
  readonly times: number;
  /** As it arrived, each time that the desk took it. */
  readonly bytes: readonly Buffer[];
}

export interface OracleOptions {
  readonly world: World;
  readonly watch: Watch;
  readonly people: People;
  readonly disk: Disk;
  readonly tables: Tables;
  readonly now: Date;
  /** By mailbox, over all time. */
  readonly audits: ReadonlyMap<string, Audit>;
  readonly atDesk: (mail: Mail) => DeskHolding;
}

/** After an hour a temporary file is left over, and the tick that is made then removes it. */
const FILE_LIFE_MS = 3_600_000;

/** Compares, when all is quiet, what arrived with what became of it. Gives what should not be. */
export async function findFaults(options: OracleOptions): Promise<string[]> {
  const { world, tables, people, audits, disk, now } = options;
  const ledger = createLedger({ tables, now: () => now });
  const registry = createMailboxRegistry(tables);
  const faults: string[] = [];
  for (const mailbox of world.mailboxes) {
    const entries = new Map((await ledger.entries(mailbox.id)).map((entry) => [entry.messageId, entry]));
    const folders = new Map(mailbox.graph.messages().map(({ immutableId, folder }) => [immutableId, folder]));
    const purged = await ledger.purged(mailbox.id);
    const { deliverFrom = now } = (await registry.get(mailbox.id)) ?? {};
    const place = { entries, folders, purged, deliverFrom };
    for (const mail of world.mails.filter((candidate) => candidate.mailbox === mailbox)) {
      faults.push(...judge(mail, place, options).map((fault) => `${mail.name} of ${mailbox.plan.address} ${fault}`));
    }

    const since = people.importedSince(mailbox);
    const others = [
      ...(since !== undefined && deliverFrom > since ? [`imports since ${since.toISOString()}, and does not`] : []),
      ...(await indexFaults(tables, mailbox, "pending", [...entries.values()])),
      ...(await indexFaults(tables, mailbox, "quarantined", [...entries.values()])),
      ...auditFaults(audits.get(mailbox.id), mailbox, [...entries.values()]),
    ];
    faults.push(...others.map((fault) => `${mailbox.plan.address}: ${fault}`));
  }
  for (const file of disk.files()) {
    const createdAt = Number(/^deskpost-(\d+)-/.exec(file)?.[1] ?? 0);
    if (now.getTime() - createdAt > FILE_LIFE_MS) faults.push(`${file} is left on the disk`);
  }
  return faults;
}

/** What the simulation knows of a mailbox, apart from its mail. */
interface Place {
  readonly entries: ReadonlyMap<string, StoredEntry>;
  readonly folders: ReadonlyMap<string, string>;
  readonly purged: Purged | undefined;
  readonly deliverFrom: Date;
}

function judge(
  mail: Mail,
  { entries, folders, purged, deliverFrom }: Place,
  { world, watch, people, atDesk }: OracleOptions,
): string[] {
  const { kind, bytes, mailbox, receivedAt } = mail;
  const entry = entries.get(mail.id);
  const folder = folders.get(mail.id);
  const state = entry?.state;
  const { times, bytes: copies } = atDesk(mail);
  const isTooOld = receivedAt < deliverFrom;
  const isOld = Date.now() - receivedAt.getTime() >= LEDGER_MEMORY_MS;
  const isPurged = isOld && mayBePurged(purged, receivedAt);
  const wasDelivered = state === "delivered" || watch.delivered.has(mail);
  const allowed = mailbox.plan.desk === "uvdesk" ? 1 : 1 + watch.excuses(mail);
  const faults: string[] = [];
  const unless = (holds: boolean, fault: string) => {
    if (!holds) faults.push(fault);
  };

  unless(state !== "pending", `is still pending: ${entry?.answer}`);
  unless(!wasDelivered || times > 0, "is called delivered and is not at the desk");
  unless(times <= allowed, `is at the desk ${times} times; ${allowed} may be`);
  unless(
    copies.every((copy) => isUnharmed(copy, mail)),
    "is not what the desk got",
  );
  if (isTooOld) {
    unless(entry === undefined, `is older than what is to be delivered, and is ${state}`);
    return faults;
  }
  unless(state !== "gone" || folder === undefined, `is called gone, and is in ${folder}`);
  // Who is gone from the folder may never have been seen; who was seen and is still in the mailbox must be delivered.
  const mustBeThere = folder === "inbox" || (folder !== undefined && entry !== undefined);
  if (kind === "usual") {
    unless(state !== "quarantined" && state !== "refused" && state !== "discarded", `is ${state}: ${entry?.answer}`);
    unless(!mustBeThere || wasDelivered || isPurged, `is in ${folder}, and is ${state ?? "unknown"}`);
  } else {
    const decision = people.decision(mail);
    const usually = kind === "unwanted" ? "refused" : "quarantined";
    const ends: (string | undefined)[] = mail.isRepaired ? ["delivered", usually, "discarded"] : [usually, "discarded"];
    const isRight = ends.includes(state) || state === "gone" || isPurged || (state === undefined && folder !== "inbox");
    unless(isRight, `is ${state}, and should be ${usually}`);
    if (decision === "discard") unless(state === "discarded" || isPurged, `was discarded, and is ${state}`);
    if (decision === "replay" && mail.isRepaired) {
      unless(!mustBeThere || wasDelivered, `was replayed when it could be delivered, and is ${state}`);
    }
    // An attempt whose end nobody knows may have been a success; and UVdesk makes one ticket of a mail to two mailboxes.
    const sharesTicket = (other: Mail) => other.name === mail.name && mailbox.plan.desk === other.mailbox.plan.desk;
    const twins = mailbox.plan.desk === "uvdesk" ? world.mails.filter(sharesTicket) : [mail];
    const mayBeThere = mail.isRepaired && twins.some((twin) => watch.delivered.has(twin) || watch.excuses(twin) > 0);
    unless(times === 0 || wasDelivered || mayBeThere, "is at the desk");
  }
  unless(bytes.length > 0, "is empty");
  return faults;
}

/** What the indexes say of a state is so, and the other way round. */
async function indexFaults(
  tables: Tables,
  { id }: SimulatedMailbox,
  state: "pending" | "quarantined",
  entries: readonly StoredEntry[],
): Promise<string[]> {
  const indexed: string[] = [];
  for (const prefix of state === "pending" ? [PENDING, BACKLOG] : [QUARANTINED]) {
    const rows = listRows<{ messageId: string }>(await tables("Ledger"), id, prefix);
    for await (const { messageId } of rows) indexed.push(messageId);
  }
  const found = entries.filter((entry) => entry.state === state).map(({ messageId }) => messageId);
  const isSame = indexed.toSorted().join() === found.toSorted().join();
  return isSame ? [] : [`${found.length} are ${state}, and ${indexed.length} are listed as such`];
}

/** The audit against the folder as it is, and against the ledger, of which each mail is judged by itself. */
function auditFaults(audit: Audit | undefined, mailbox: SimulatedMailbox, entries: readonly StoredEntry[]): string[] {
  if (audit === undefined) return ["there is no audit"];
  const { from, until, received, states, inFolder, difference, complete } = audit;
  const isInPeriod = ({ receivedAt }: { readonly receivedAt: Date }) => receivedAt >= from && receivedAt < until;
  const known = entries.filter(isInPeriod);
  const expected = [
    ["received", received, known.length],
    ["in the folder", inFolder, mailbox.graph.messages("inbox").filter(isInPeriod).length],
    ["more or less", difference, 0],
    ...MESSAGE_STATES.map((state) => [state, states[state], known.filter((entry) => entry.state === state).length]),
  ] as const;
  return [
    ...(complete ? [] : ["the audit is not complete"]),
    ...expected.flatMap(([what, told, is]) => (told === is ? [] : [`the audit tells ${told} ${what}; it is ${is}`])),
  ];
}

/** UVdesk gets headers in front; not one byte of the mail itself changes. */
function isUnharmed(copy: Buffer, { bytes, mailbox }: Mail): boolean {
  const isPrefixed = mailbox.plan.desk === "uvdesk";
  if (!isPrefixed) return copy.equals(bytes);
  const added = copy.subarray(0, Math.max(0, copy.length - bytes.length)).toString("latin1");
  return (
    copy.subarray(copy.length - bytes.length).equals(bytes) &&
    /^Delivered-To: [^\r\n]+\r\n(?:Message-ID: <[^\r\n]+>\r\n)?In-Reply-To: <[^\r\n]+>\r\n$/.test(added)
  );
}
