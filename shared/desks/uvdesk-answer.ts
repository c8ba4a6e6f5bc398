import type { DeskAnswer } from "./desk.ts";
import { type DeskResponse, deskIll, shortened } from "./post.ts";

/**
 * Texts of UVdesk's mailbox listener, versions 1.1.3 and 1.1.4. It answers 200 with success:true to nearly everything;
 * the text decides. https://github.com/uvdesk/mailbox-component
 */
const STORED = /Inbound email process+ed successfully\./;
const KNOWN = /The contents of this email has already been processed\./;
/** `[tickets/12/#34]` names the ticket and its thread; without the second part the ticket is in the trash or is spam. */
const TAG = /\[tickets\/(\d+)(\/#\d+)?\]/;
const REFUSALS = [
  /auto-forwarded email which can lead to possible infinite loop/,
  /self-referencing email where the sender email address matches/,
  /sender email address is present in the block list/,
  /No 'from' email address was found/,
  /No sender email addresses were found/,
  /No 'to' email addresses were found/,
  /No recipient email addresses were found/,
];
const NO_MAIL = /Missing required email data in request content/;

/** Decides by the desk's own words what became of the message. */
export function readUvdeskAnswer({ status, isHtml, text, retryAfterMs }: DeskResponse, mailBytes: number): DeskAnswer {
  const message = messageIn(text);
  if (message === undefined) {
    if (status === 500) {
      // An error that UVdesk itself does not catch: the next message may well pass.
      return {
        kind: "try-again",
        because: "message",
        words: "HTTP 500 with a page instead of an answer; its log names the PHP error",
        retryAfterMs,
        uncertain: true,
      };
    }
    return deskIll(
      `HTTP ${status} with ${isHtml ? "a page" : "something"} that is not its answer: is it UVdesk, and is it in maintenance?`,
      retryAfterMs,
      true,
    );
  }

  const words = shortened(message);
  if (status >= 500) {
    if (NO_MAIL.test(message)) {
      return {
        kind: "impossible",
        words: `It saw an empty form, which is how PHP drops a request over its post_max_size: the message has ${mailBytes} bytes; raise post_max_size and upload_max_filesize there`,
      };
    }
    return { kind: "try-again", because: "message", words, retryAfterMs, uncertain: true };
  }
  if (status < 200 || status >= 300) return deskIll(`HTTP ${status}: ${words}`, retryAfterMs, true);

  const [, ticket, thread] = TAG.exec(message) ?? [];
  const trashed = ticket !== undefined && thread === undefined;
  if (STORED.test(message)) {
    return trashed
      ? { kind: "refused", words: `Ticket ${ticket} is in the trash or marked as spam; UVdesk adds nothing to it` }
      : { kind: "accepted", words, reference: ticket };
  }
  if (KNOWN.test(message)) return { kind: "duplicate", words, reference: ticket };
  if (REFUSALS.some((refusal) => refusal.test(message))) return { kind: "refused", words };
  return {
    kind: "try-again",
    because: "message",
    words: `An answer that Deskpost does not know: ${words}`,
    retryAfterMs,
    uncertain: true,
  };
}

/** The `message` of `{"success":…,"message":"…"}`; `undefined` where the text is something else. */
function messageIn(text: string): string | undefined {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === "string" ? message : undefined;
  } catch {
    return undefined;
  }
}
