import type { DeskAnswer, DeskCode } from "./desk.ts";
import { type DeskResponse, deskUnavailable, shortened } from "./post.ts";

/**
 * Texts of UVdesk's mailbox listener, versions 1.1.3 and 1.1.4. It answers 200 with success:true to nearly everything;
 * the text decides. https://github.com/uvdesk/mailbox-component
 */
const STORED = /^Inbound email process+ed successfully\./;
const KNOWN = /^The contents of this email has already been processed\./;
/** `[tickets/12/#34]` names the ticket and its thread; without the second part the ticket is in the trash or is spam. */
const TAG = /\[tickets\/(\d+)(\/#\d+)?\](?:<\/comment>)?\s*$/;
const REFUSALS: readonly (readonly [RegExp, DeskCode])[] = [
  [/^Received an auto-forwarded email which can lead to possible infinite loop/, "LOOP_RISK"],
  [/^Received a self-referencing email where the sender email address matches/, "OWN_ADDRESS"],
  [/^Received email where the sender email address is present in the block list/, "SENDER_BLOCKED"],
  [/^No 'from' email address was found/, "NO_SENDER"],
  [/^No sender email addresses were found/, "NO_SENDER"],
  [/^No 'to' email addresses were found/, "NO_RECIPIENT"],
  [/^No recipient email addresses were found/, "NO_RECIPIENT"],
];
/** Before the text that decides, UVdesk names the sender, in the mark-up of its command line. An address may hold anything. */
const SENDER = /^Received email from <info>.*?<\/info>\.\s*/s;
/** Of Doctrine, which UVdesk stores with. https://github.com/doctrine/dbal */
const DATABASE_DOWN = /^An exception occurred in (?:the )?driver:/;
/** SQLSTATE class 22, data exception: the same data is refused each time. https://mariadb.com/docs/server/reference/error-codes */
const DATABASE_REFUSES = /^An exception occurred while executing\b.*SQLSTATE\[22/s;
const COLUMN = /for column ([`'\w.]+) at row/;
const NO_MAIL = /Missing required email data in request content/;
/** Nobody's post_max_size is below this. */
const NEVER_TOO_LARGE_BYTES = 64 * 1024;

/** `hasThread`: of a duplicate, whether UVdesk names the thread, which holds the text; a ticket alone may be half. */
export type UvdeskAnswer = DeskAnswer & { readonly hasThread?: boolean };

/** Decides by the desk's own words what became of the message. */
export function readUvdeskAnswer(
  { status, isHtml, text, retryAfterMs }: DeskResponse,
  mailBytes: number,
): UvdeskAnswer {
  const message = messageIn(text) ?? (status < 300 ? messageAmongNotices(text) : undefined);
  if (message === undefined) {
    if (status === 500) {
      // An error that UVdesk itself does not catch: the next message may well pass.
      return {
        kind: "try-again",
        because: "message",
        code: "DESK_ERROR",
        words: "HTTP 500 with a page instead of an answer; its log names the PHP error",
        retryAfterMs,
        uncertain: true,
      };
    }
    return deskUnavailable(
      "NOT_THE_DESK",
      `HTTP ${status} with ${isHtml ? "a page" : "something"} that is not its answer: is it UVdesk, and is it in maintenance?`,
      retryAfterMs,
      true,
    );
  }

  const told = message.replace(SENDER, "");
  const words = shortened(told.replaceAll(/<\/?comment>/g, ""));
  if (status >= 500) {
    if (NO_MAIL.test(message)) {
      if (mailBytes < NEVER_TOO_LARGE_BYTES) {
        const words = `It saw an empty form, though the message has ${mailBytes} bytes only: a proxy in front of it, or PHP's enable_post_data_reading, takes the content of requests away`;
        return deskUnavailable("NOT_THE_DESK", words, retryAfterMs, false);
      }
      return {
        kind: "impossible",
        code: "TOO_LARGE",
        words: `It saw an empty form, which is how PHP drops a request over its post_max_size: the message has ${mailBytes} bytes; raise post_max_size and upload_max_filesize there`,
      };
    }
    if (DATABASE_DOWN.test(message)) {
      return deskUnavailable("DATABASE_DOWN", "UVdesk does not reach its database", retryAfterMs, true);
    }
    if (DATABASE_REFUSES.test(message))
      return { kind: "impossible", code: "DATABASE_REFUSES", words: whyRefused(message) };
    return { kind: "try-again", because: "message", code: "DESK_ERROR", words, retryAfterMs, uncertain: true };
  }
  if (status < 200 || status >= 300)
    return deskUnavailable(`HTTP_${status}`, `HTTP ${status}: ${words}`, retryAfterMs, true);

  // Law 3: from here on the status is 2xx, and proves nothing; the words decide.
  const [, ticket, thread] = TAG.exec(told) ?? [];
  const trashed = ticket !== undefined && thread === undefined;
  if (STORED.test(told)) {
    return trashed
      ? {
          kind: "refused",
          code: "TICKET_IN_TRASH",
          words: `Ticket ${ticket} is in the trash or marked as spam; UVdesk adds nothing to it`,
        }
      : { kind: "accepted", words, reference: ticket };
  }
  if (KNOWN.test(told)) return { kind: "duplicate", words, reference: ticket, hasThread: thread !== undefined };
  for (const [text, code] of REFUSALS) if (text.test(told)) return { kind: "refused", code, words };
  return {
    kind: "try-again",
    because: "message",
    code: "UNKNOWN_ANSWER",
    words: `An answer that Deskpost does not know: ${words}`,
    retryAfterMs,
    uncertain: true,
  };
}

/** The database's words quote the mail; its column says enough. */
function whyRefused(message: string): string {
  const column = COLUMN.exec(message)?.[1]?.replaceAll(/[`']/g, "").split(".").at(-1);
  const where = column === undefined ? "something in this mail" : `what this mail has for its column ${column}`;
  const state = /SQLSTATE\[\w+\]/.exec(message)?.[0];
  return `UVdesk's database refuses ${where}, each time (${state}): a character that it does not know, or more than fits`;
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

/**
 * Where PHP prints its notices (display_errors), they stand around the answer; without them it would be no answer at all,
 * and the desk would look ill to each mail that it takes. Two answers are none.
 */
function messageAmongNotices(text: string): string | undefined {
  const answers = text.match(/\{"success":(?:true|false),"message":"(?:[^"\\]|\\.)*"\}/g) ?? [];
  return answers.length === 1 ? messageIn(answers[0]) : undefined;
}
