import type { StoredMailbox } from "../../mailboxes/mailbox.ts";
import { AppError } from "../../platform/errors.ts";
import { listFolder } from "../discovery/list-folder.ts";
import { type Ledger, mayBePurged } from "../ledger/ledger.ts";
import type { MessageSource } from "../message-source.ts";

export interface ImportDeps {
  readonly ledger: Pick<Ledger, "compare" | "purged">;
  readonly sourceOf: (mailbox: StoredMailbox) => Pick<MessageSource, "list">;
  /** Lets the mailbox deliver from an earlier moment on. */
  readonly deliverFrom: (mailboxId: string, since: Date) => Promise<void>;
  readonly now: () => Date;
}

/** What an import would bring. */
export interface ImportPreview {
  readonly since: Date;
  /** Messages in the folder that were received since then. */
  readonly inFolder: number;
  /** Those that the ledger knows: whatever became of them, nothing happens to them. */
  readonly known: number;
  /** Those that may have been delivered so long ago that the ledger has purged them: they are left alone. */
  readonly forgotten: number;
  readonly toDeliver: number;
  /** False where the folder was too large to be counted to the end in time. */
  readonly complete: boolean;
}

export interface ImportMail {
  /**
   * Counts what an import would deliver, and changes nothing.
   * @throws {AppError} INPUT_INVALID where the mailbox is not connected, or delivers from an earlier moment on already
   */
  preview(mailbox: StoredMailbox, since: Date): Promise<ImportPreview>;
  /** Imports; the next runs find the mail and deliver it, behind what is new. Throws as `preview` does. */
  start(mailbox: StoredMailbox, since: Date): Promise<void>;
}

/** Brings mail into the desk that was there before the mailbox was connected. */
export function createImportMail({ ledger, sourceOf, deliverFrom, now }: ImportDeps): ImportMail {
  function mustMakeSense({ address, status, deliverFrom: from }: StoredMailbox, since: Date): void {
    if (from === undefined || status === "new") {
      throw new AppError("INPUT_INVALID", `${address} is not connected yet: connect it, then import its older mail`);
    }
    if (since >= from) {
      const words = `${address} delivers everything since ${from.toISOString()} already: name an earlier moment`;
      throw new AppError("INPUT_INVALID", words);
    }
  }

  return {
    async preview(mailbox, since) {
      mustMakeSense(mailbox, since);
      const { messages, complete } = await listFolder(sourceOf(mailbox), { from: since, until: now() }, now);
      const { unknown } = await ledger.compare(mailbox.id, [...messages.keys()]);
      const range = await ledger.purged(mailbox.id);
      const forgotten = [...messages].filter(([id, at]) => unknown.has(id) && mayBePurged(range, at)).length;
      const [inFolder, known] = [messages.size, messages.size - unknown.size];
      return { since, inFolder, known, forgotten, toDeliver: unknown.size - forgotten, complete };
    },

    async start(mailbox, since) {
      mustMakeSense(mailbox, since);
      await deliverFrom(mailbox.id, since);
    },
  };
}
