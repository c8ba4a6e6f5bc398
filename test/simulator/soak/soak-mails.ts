import { sampleMails } from "../mails/sample-mails.ts";

/** UVdesk refuses automatic answers, as it should: they would count as lost. */
const REFUSED_SAMPLES = new Set(["auto-reply.eml", "bounce.eml"]);

/** One in so many mails answers an earlier one. */
const ONE_IN_ANSWERS = 4;

interface SoakMail {
  readonly messageId: string;
  /** The sample that it was made from. */
  readonly name: string;
  readonly bytes: Buffer;
}

/** Gives mails of all kinds, each with a Message-ID of its own; some answer earlier ones. */
export function createSoakMails(random: () => number): () => SoakMail {
  const samples = sampleMails().filter(({ name }) => !REFUSED_SAMPLES.has(name));
  let count = 0;

  return function nextMail() {
    const sample = samples[Math.floor(random() * samples.length)];
    if (sample === undefined) throw new Error("There are no sample mails");
    count += 1;
    const answered = random() < 1 / ONE_IN_ANSWERS ? Math.ceil(random() * count) : count;
    const messageId = idOf(count);
    const headers = [`Message-ID: ${messageId}`, ...(answered < count ? [`In-Reply-To: ${idOf(answered)}`] : [])];
    return { messageId, name: sample.name, bytes: withHeaders(sample.bytes, headers) };
  };
}

/** The Message-ID in the header block of a mail. */
export function messageIdOf(mail: Buffer): string | undefined {
  const end = /\r?\n\r?\n/.exec(mail.toString("latin1"))?.index ?? mail.byteLength;
  return /^message-id:\s*(<[^>]*>)/im.exec(mail.toString("latin1", 0, end))?.[1];
}

function idOf(number: number): string {
  return `<soak-${number}@example.net>`;
}

/** Puts headers in front of a mail in place of those that it has; the other bytes stay as they are. */
function withHeaders(mail: Buffer, headers: readonly string[]): Buffer {
  // Latin-1 maps each byte to one character and back.
  const text = mail.toString("latin1");
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const bodyAt = text.indexOf(newline + newline);
  const kept = text
    .slice(0, bodyAt)
    .replace(new RegExp(`^(?:message-id|in-reply-to|references):.*(?:${newline}[ \\t].*)*${newline}`, "gim"), "")
    .replace(new RegExp(`${newline}(?:message-id|in-reply-to|references):.*(?:${newline}[ \\t].*)*$`, "i"), "");
  return Buffer.from(headers.map((header) => header + newline).join("") + kept + text.slice(bodyAt), "latin1");
}
