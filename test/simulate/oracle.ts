import { LEDGER_MEMORY_MS } from "../../shared/mail/discover.ts";
import { type Forgotten, type Ledger, mayBeForgotten, type StoredEntry } from "../../shared/mail/ledger.ts";
import type { Watch } from "./watch.ts";
import type { Mail, World } from "./world.ts";

/** What a desk has of a mail. */
export interface DeskHolding {
  /** Tickets, or whatever the desk makes of mail. */
  readonly times: number;
  /** As it arrived, each time that the desk took it. */
  readonly bytes: readonly Buffer[];
}

export interface OracleOptions {
  readonly world: World;
  readonly watch: Watch;
  readonly ledger: Ledger;
  readonly atDesk: (mail: Mail) => DeskHolding;
}

/** Compares, when all is quiet, what arrived with what became of it. Gives what should not be. */
export async function findFaults(options: OracleOptions): Promise<string[]> {
  const { world, ledger } = options;
  const faults: string[] = [];
  for (const mailbox of world.mailboxes) {
    const entries = new Map((await ledger.entries(mailbox.id)).map((entry) => [entry.messageId, entry]));
    const forgotten = await ledger.forgotten(mailbox.id);
    const folders = new Map(mailbox.graph.messages().map(({ immutableId, folder }) => [immutableId, folder]));
    for (const mail of world.mails.filter((candidate) => candidate.mailbox === mailbox)) {
      const found = judge(mail, entries.get(mail.id), folders.get(mail.id), forgotten, options);
      faults.push(...found.map((fault) => `${mail.name} of ${mailbox.plan.address} ${fault}`));
    }
  }
  return faults;
}

function judge(
  mail: Mail,
  entry: StoredEntry | undefined,
  folder: string | undefined,
  forgotten: Forgotten | undefined,
  { watch, atDesk }: OracleOptions,
): string[] {
  const { kind, bytes, mailbox, receivedAt } = mail;
  const state = entry?.state;
  const { times, bytes: copies } = atDesk(mail);
  const isTooOld = receivedAt < mailbox.deliverFrom;
  const isOld = Date.now() - receivedAt.getTime() >= LEDGER_MEMORY_MS;
  const isForgotten = isOld && mayBeForgotten(forgotten, receivedAt);
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
  if (kind === "usual") {
    unless(state !== "quarantined" && state !== "refused", `is ${state}: ${entry?.answer}`);
    // Who is gone from the folder may never have been seen; who was seen and is still in the mailbox must be delivered.
    const mustBeThere = folder === "inbox" || (folder !== undefined && entry !== undefined);
    unless(!mustBeThere || wasDelivered || isForgotten, `is in ${folder}, and is ${state ?? "unknown"}`);
    unless(state !== "gone" || folder === undefined, `is called gone, and is in ${folder}`);
  } else {
    const ends = { unwanted: "refused", poison: "quarantined", unreadable: "quarantined" }[kind];
    const isRight = state === ends || state === "gone" || isForgotten || (state === undefined && folder !== "inbox");
    unless(isRight, `is ${state}, and should be ${ends}`);
    unless(state !== "gone" || folder === undefined, `is called gone, and is in ${folder}`);
    unless(times === 0, "is at the desk");
  }
  unless(bytes.length > 0, "is empty");
  return faults;
}

/** UVdesk gets headers in front; not one byte of the mail itself changes. */
function isUnharmed(copy: Buffer, { bytes, mailbox }: Mail): boolean {
  const isPrefixed = mailbox.plan.desk === "uvdesk";
  if (!isPrefixed) return copy.equals(bytes);
  const added = copy.subarray(0, Math.max(0, copy.length - bytes.length)).toString("latin1");
  return copy.subarray(copy.length - bytes.length).equals(bytes) && /^Delivered-To: [^\r\n]+\r\n$/.test(added);
}
