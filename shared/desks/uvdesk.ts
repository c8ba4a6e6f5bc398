import { createHash, randomBytes } from "node:crypto";
import type { Delivery, Desk, DeskAnswer } from "./desk.ts";
import { type MailHeader, readMailHeader } from "./mail-header.ts";
import { postToDesk, type WatchPost } from "./post.ts";
import { readUvdeskAnswer } from "./uvdesk-answer.ts";

export interface UvdeskOptions {
  /** Address of the site. */
  readonly url: string;
  /** What its PHP takes: post_max_size less the form around the message. */
  readonly maxMessageBytes?: number | undefined;
  readonly now: () => Date;
  readonly watch?: WatchPost;
}

/**
 * UVdesk takes a message as the form field `email` of POST /mailbox/listener. Four things are done for it, because it
 * would otherwise drop or double mail: three headers that it relies on are put in front where they are missing, and
 * messages go one at a time (see one-at-a-time.ts): it checks for a known Message-ID and then inserts, without a unique
 * key, so two at once make two tickets. Not one byte of the message itself changes.
 */
export function createUvdesk({ url, maxMessageBytes, now, watch }: UvdeskOptions): Desk {
  async function post(delivery: Delivery): Promise<DeskAnswer> {
    const { body, contentType } = formWith(await repaired(delivery));
    const response = await postToDesk({
      url: `${url}/mailbox/listener`,
      headers: { "content-type": contentType, "idempotency-key": delivery.idempotencyKey },
      body,
      now: now(),
      offerUntil: delivery.offerUntil,
      watch,
    });
    return "kind" in response ? response : readUvdeskAnswer(response, delivery.mail.size);
  }

  return { concurrency: 1, maxMessageBytes, deliver: post };
}

/** The message with the headers in front that UVdesk needs. */
async function repaired({ mail, mailboxAddress, idempotencyKey }: Delivery): Promise<Blob> {
  const header = await readMailHeader(mail);
  const added = [
    // UVdesk looks for the mailbox among the recipients and fails for good where it is not: aliases, Bcc, lists.
    // https://github.com/uvdesk/core-framework/issues/287
    `Delivered-To: ${mailboxAddress}`,
    ...missingMessageId(header, idempotencyKey),
    ...missingInReplyTo(header),
  ];
  return new Blob([added.map((line) => line + header.newline).join(""), mail]);
}

/** Without one, UVdesk finds "the" ticket whose Message-ID is null. The same for every attempt, so that it deduplicates. */
function missingMessageId(header: MailHeader, idempotencyKey: string): string[] {
  if (header.get("Message-ID") !== undefined) return [];
  const id = createHash("sha256").update(idempotencyKey).digest("hex").slice(0, 40);
  return [`Message-ID: <${id}@deskpost.invalid>`];
}

/** A reply with References alone is called "already processed" and dropped. */
function missingInReplyTo(header: MailHeader): string[] {
  if (header.get("In-Reply-To") !== undefined) return [];
  const references = header.get("References") ?? "";
  // Some senders write ids without brackets, and UVdesk compares letter by letter.
  const ids = references.match(/<[^<>\s]+>/g) ?? references.match(/[\x21-\x7e]+@[\x21-\x7e]+/g);
  const last = ids?.at(-1);
  return last === undefined ? [] : [`In-Reply-To: ${last}`];
}

/**
 * A form with one text field, written as bytes: FormData would turn 8-bit mail into UTF-8, and a field with a file name
 * counts as missing.
 */
function formWith(mail: Blob): { body: Blob; contentType: string } {
  const boundary = `deskpost-${randomBytes(24).toString("hex")}`;
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="email"\r\n\r\n`;
  return {
    body: new Blob([head, mail, `\r\n--${boundary}--\r\n`]),
    contentType: `multipart/form-data; boundary=${boundary}`,
  };
}
