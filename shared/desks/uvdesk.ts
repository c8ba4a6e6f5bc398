import { randomBytes } from "node:crypto";
import type { Desk, DeskAnswer } from "./desk.ts";
import { postToDesk, type WatchPost } from "./post.ts";
import { readUvdeskAnswer, type UvdeskAnswer } from "./uvdesk-answer.ts";
import { whatUvdeskMayLack } from "./uvdesk-attachments.ts";
import { type RepairedMail, repairForUvdesk } from "./uvdesk-repair.ts";

export interface UvdeskOptions {
  /** Address of the site. */
  readonly url: string;
  /** What its PHP takes: post_max_size less the form around the message. */
  readonly maxMessageBytes?: number | undefined;
  readonly now: () => Date;
  readonly watch?: WatchPost;
}

type Post = (mail: Blob) => Promise<UvdeskAnswer>;

/**
 * UVdesk takes a message as the form field `email` of POST /mailbox/listener. Messages go one at a time (see
 * exclusive-desk-table.ts): it checks for a known Message-ID and then inserts, without a unique key, so two at once make
 * two tickets. What it would drop, double or choke on is put right in front of the message; see uvdesk-repair.ts.
 *
 * It stores a ticket before the text of its first mail, so that "already processed" alone proves nothing: see `settle`.
 */
export function createUvdesk({ url, maxMessageBytes, now, watch }: UvdeskOptions): Desk {
  return {
    concurrency: 1,
    maxMessageBytes,
    async deliver(delivery) {
      const post: Post = async (mail) => {
        const { body, contentType } = formWith(mail);
        const response = await postToDesk({
          url: `${url}/mailbox/listener`,
          headers: { "content-type": contentType, "idempotency-key": delivery.idempotencyKey },
          body,
          now: now(),
          offerUntil: delivery.offerUntil,
          onProgress: delivery.onProgress,
          watch,
        });
        return "kind" in response ? response : readUvdeskAnswer(response, delivery.mail.size);
      };
      const answer = await settle(post, await repairForUvdesk(delivery));
      if (answer.kind !== "accepted" && answer.kind !== "duplicate") return answer;
      const lacks = await whatUvdeskMayLack(delivery.mail);
      const doubt = [answer.doubt, lacks].filter((words) => words !== undefined).join("; ");
      return doubt === "" ? answer : { ...answer, doubt };
    },
  };
}

/**
 * Offers the mail, and believes nothing but a text that is stored. A ticket of this Message-ID may be half, left behind
 * by this attempt or by any before it, even one for another mailbox.
 */
async function settle(post: Post, mail: RepairedMail): Promise<DeskAnswer> {
  const first = await post(mail.offer);
  // What the database refuses it may have refused half way; the next answer tells whether something of it is there.
  const refused = first.kind === "impossible" && first.code === "DATABASE_REFUSES" ? first : undefined;
  const known = refused === undefined ? first : await post(mail.offer);
  if (known.kind !== "duplicate") return known;
  if (known.hasThread) {
    if (refused === undefined) return known;
    const doubt = `the ticket has the text, and may lack a file, or all files: ${refused.words}`;
    return { ...known, kind: "accepted", doubt };
  }

  // "Already processed" without a thread: the ticket is there, and the text is not.
  const healed = refused ?? (await post(mail.healing));
  if (healed.kind === "accepted" || healed.kind === "duplicate") {
    const doubt = "an attempt before this broke off and left the ticket without its text, which was added as a reply";
    return { ...healed, kind: "accepted", doubt };
  }
  if (healed.kind === "try-again") return healed;
  const plain = mail.lookup === undefined ? undefined : await post(mail.lookup);
  const ticket =
    plain?.kind === "duplicate" && plain.reference !== undefined ? `Ticket ${plain.reference}` : "A ticket";
  const words = `${ticket} is there without this mail's text, which cannot be added: write the text into it and discard the mail, or delete the ticket for good, mend the cause and replay the mail. ${healed.words}`;
  return { kind: "impossible", code: "HALF_TICKET", words };
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
