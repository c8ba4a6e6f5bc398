import assert from "node:assert/strict";
import { after, before, beforeEach } from "node:test";
import { MAILBOX, type MailHeaders, mailWith } from "../mails/example-mail.ts";
import { startUvdesk, type Uvdesk } from "./uvdesk.ts";
import type { ReceivedMail } from "./uvdesk-tickets.ts";

const BOUNDARY = "----form-boundary";

interface PostOptions {
  /** Another desk than the file's own. */
  readonly to?: Uvdesk | undefined;
  readonly disposition?: string;
}

interface UvdeskBed {
  readonly desk: Uvdesk;
  /** Posts a form that holds the mail, as the field `email` unless the disposition says otherwise. */
  post(mail: Buffer, options?: PostOptions): Promise<Response>;
  /** What UVdesk says to a mail that it does not fail on. */
  textOf(mail: Buffer, to?: Uvdesk): Promise<string>;
  /** What arrived last. */
  last(): ReceivedMail | undefined;
}

/** A mail that makes a new ticket, but for the headers given here; `undefined` leaves one out. */
export function ticketMail(headers: MailHeaders = {}, body?: string): Buffer {
  return mailWith({ "Delivered-To": MAILBOX, ...headers }, body);
}

/** One UVdesk for the file, well at the beginning of each test. */
export function useUvdesk(): UvdeskBed {
  let desk: Uvdesk;

  before(async () => {
    desk = await startUvdesk({ port: 0, mailboxes: [MAILBOX], postMaxSizeBytes: 100_000 });
  });
  after(() => desk.stop());
  beforeEach(() => {
    desk.mode = "ok";
  });

  /** The multipart body, written as bytes: a FormData would re-encode the mail as UTF-8. */
  function post(mail: Buffer, { to = desk, disposition = 'form-data; name="email"' }: PostOptions = {}) {
    const head = `--${BOUNDARY}\r\nContent-Disposition: ${disposition}\r\n\r\n`;
    return fetch(to.listenerUrl, {
      method: "POST",
      headers: { "content-type": `multipart/form-data; boundary=${BOUNDARY}` },
      body: new Uint8Array(Buffer.concat([Buffer.from(head), mail, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)])),
    });
  }

  return {
    get desk() {
      return desk;
    },
    post,
    textOf: async (mail, to) => {
      const answer = await post(mail, { to });
      assert.equal(answer.status, 200);
      const { success, message } = (await answer.json()) as { success: boolean; message: string };
      assert.equal(success, true);
      return message;
    },
    last: () => desk.received.at(-1),
  };
}
