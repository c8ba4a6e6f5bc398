import { existingMailbox, type MailboxRegistry, type StoredMailbox } from "../../mailboxes/mailbox.ts";
import { AppError } from "../../platform/errors.ts";
import { existingMessage, type Ledger, type StoredEntry } from "../ledger/ledger.ts";
import type { MessageSource } from "../message-source.ts";

export interface StoredMessagesDeps {
  readonly registry: Pick<MailboxRegistry, "get">;
  readonly ledger: Pick<Ledger, "entry">;
  readonly sourceOf: (mailbox: StoredMailbox) => Pick<MessageSource, "content">;
}

/** A message for download. */
interface MailDownload {
  /** Made from the key alone: a subject could carry anything. */
  readonly fileName: string;
  /** Every byte as Graph gives it. What it lies in is cleared away once it is read. */
  readonly body: { readonly size: number; readonly stream: ReadableStream<Uint8Array> };
}

/** Single messages of mailboxes, for a person who looks into one. */
export interface StoredMessages {
  /** @throws {AppError} MAILBOX_NOT_FOUND, MESSAGE_NOT_FOUND */
  entry(mailboxId: string, key: string): Promise<StoredEntry>;
  /** @throws {AppError} MAILBOX_NOT_FOUND, MESSAGE_NOT_FOUND, also where it was deleted from the mailbox */
  content(mailboxId: string, key: string): Promise<MailDownload>;
}

export function createStoredMessages({ registry, ledger, sourceOf }: StoredMessagesDeps): StoredMessages {
  return {
    async entry(mailboxId, key) {
      await existingMailbox(registry, mailboxId);
      return existingMessage(ledger, mailboxId, key);
    },

    async content(mailboxId, key) {
      const mailbox = await existingMailbox(registry, mailboxId);
      const { messageId } = await existingMessage(ledger, mailboxId, key);
      const content = await sourceOf(mailbox).content(messageId);
      if (content === undefined) {
        throw new AppError(
          "MESSAGE_NOT_FOUND",
          `Message ${key} is no longer in the mailbox ${mailbox.address}: it was deleted there`,
        );
      }
      async function* bytes() {
        try {
          yield* content?.blob.stream() ?? [];
        } finally {
          await content?.dispose();
        }
      }
      return {
        fileName: `${key.slice(0, 12)}.eml`,
        body: { size: content.blob.size, stream: ReadableStream.from(bytes()) },
      };
    },
  };
}
