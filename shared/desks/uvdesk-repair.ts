import { createHash } from "node:crypto";
import type { Delivery } from "./desk.ts";
import { encodeHeaderText, type HeaderText, readEncodedWords, readHeaderBytes, readJapanese } from "./header-text.ts";
import { cutName, isPlainAddress, plainAddress, readAddresses, writeAddress } from "./mail-addresses.ts";
import { type MailHeader, readMailHeader } from "./mail-header.ts";
import { lacksBrackets, namesNothing, wholeIds } from "./message-ids.ts";

/** UVdesk's column for the name of a person. */
const NAME_LIMIT = 191;
/** A From that PHP's mail parser reads as it is meant, once encoded words are decoded. */
const PLAIN_FROM =
  /^(?:(?<name>"[^"\\]*"|[^"<>()@,;:\\[\]]*)\s*<(?<address>[^<>\s]+)>|(?<bare>[^\s<>",;:()]+)(?:\s*\((?<comment>[^()<>"\\]*)\))?)$/;

/** A mail as it is offered to UVdesk, the same for each attempt. */
export interface RepairedMail {
  readonly offer: Blob;
  /** The same text as a reply to the ticket that was left without it; UVdesk knows it when it comes again. */
  readonly healing: Blob;
  /** Makes UVdesk tell the number of a ticket that it has; `undefined` where nothing can. */
  readonly lookup: Blob | undefined;
}

/**
 * Puts in front of a mail what UVdesk would miss, or choke on: it takes the first header of a name. Of the mail itself,
 * Cc and Bcc alone are rewritten: UVdesk joins all Cc that there are, and keeps both.
 *
 * Each mail answers something: itself, where nothing else. To a known mail that answers something UVdesk names the thread,
 * if it has the text, and nothing if it has a ticket alone; a mail that answers nothing is "already processed" either way.
 */
export async function repairForUvdesk({ mail, mailboxAddress, idempotencyKey }: Delivery): Promise<RepairedMail> {
  const header = await readMailHeader(mail);
  const id = messageIdFor(header, idempotencyKey);
  const healingId = ownMessageId(id.text, " heals a ticket");
  const itself = inReplyTo(id.text, header);
  const answered = answeredBy(header, healingId);
  // UVdesk looks for the mailbox among the recipients and fails for good where it is not: aliases, Bcc, lists.
  // https://github.com/uvdesk/core-framework/issues/287
  const recipient = `Delivered-To: ${mailboxAddress}`;
  const readable = [...readableFrom(header), ...readableSubject(header)];
  const parts = withReadableCopies(mail, header);
  const behind = (lines: readonly string[]) =>
    new Blob([[recipient, ...lines, ...readable].map((line) => line + header.newline).join(""), ...parts]);
  return {
    offer: behind([...id.lines, ...(answered ?? [itself])]),
    healing: behind([`Message-ID: ${healingId}`, itself]),
    lookup: answered === undefined ? behind(id.lines) : undefined,
  };
}

/** An id of ours, the same for each attempt. */
function ownMessageId(key: string, purpose = ""): string {
  const hash = createHash("sha256")
    .update(key + purpose)
    .digest("hex");
  return `<${hash.slice(0, 40)}@deskpost.invalid>`;
}

/** UVdesk decodes `&amp;` in what a mail answers, and not in what it is called. */
function inReplyTo(messageId: string, header: MailHeader): string {
  return `In-Reply-To: ${inAscii(messageId.replace(/&(?=(?:amp|lt|gt|quot|#0*39);)/g, "&amp;"), header)}`;
}

/** Without a Message-ID, UVdesk finds "the" ticket whose Message-ID is null. */
function messageIdFor(header: MailHeader, idempotencyKey: string): { text: string; lines: readonly string[] } {
  const { text, isSound } = readHeader(header, "Message-ID") ?? { text: "", isSound: true };
  // What answers it gets brackets, too.
  const id = namesNothing(text) ? ownMessageId(idempotencyKey) : lacksBrackets(text) ? `<${text}>` : text;
  return { text: id, lines: id === text && isSound ? [] : [`Message-ID: ${inAscii(id, header)}`] };
}

/**
 * What the mail answers, as UVdesk finds it: a reply with References alone is called "already processed" and dropped. What
 * is no whole message id is compared with parts of others' ids, so that the mail may land on a stranger's ticket: then the
 * header names a mail that is nowhere. References begin with the mail that may have healed this one's ticket: UVdesk would
 * not find that ticket by this mail's own id any more.
 * @returns `undefined` where it answers nothing
 */
function answeredBy(header: MailHeader, healingId: string): string[] | undefined {
  const inReply = readHeader(header, "In-Reply-To")?.text ?? "";
  const references = readHeader(header, "References")?.text ?? "";
  if (inReply === "" && references === "") return undefined;
  const named = wholeIds(references);
  const answered = wholeIds(inReply)[0] ?? named.at(-1) ?? healingId;
  return [inReplyTo(answered, header), `References: ${inAscii([healingId, ...named].join(" "), header)}`];
}

/** The sender in ASCII, with a name that fits, where UVdesk would find none or fail over it. */
function readableFrom(header: MailHeader): string[] {
  const from = readHeader(header, "From");
  if (from === undefined) return [];
  const { name, address, bare, comment } = PLAIN_FROM.exec(from.text)?.groups ?? {};
  const isShort = [...(name?.replace(/^"|"$/g, "") ?? comment ?? "")].length <= NAME_LIMIT;
  if (from.isSound && isShort && isPlainAddress(address ?? bare ?? "")) return [];
  for (const found of readAddresses(readBytes(header.get("From") ?? "", header.charset).text, header.charset)) {
    const plain = plainAddress(found.address);
    if (plain === undefined) continue;
    return [`From: ${writeAddress({ name: cutName(found.name, NAME_LIMIT), address: plain }, header.newline)}`];
  }
  return [];
}

function readableSubject(header: MailHeader): string[] {
  const subject = readHeader(header, "Subject");
  if (subject === undefined || subject.isSound) return [];
  return [`Subject: ${encodeHeaderText(subject.text, header.newline)}`];
}

/** Each Cc and Bcc in ASCII where UVdesk's database would not take it: it would keep a ticket without the mail's text. */
function withReadableCopies(mail: Blob, header: MailHeader): Blob[] {
  const parts: Blob[] = [];
  let kept = 0;
  for (const { name, value, start, end } of header.fields) {
    if ((name !== "cc" && name !== "bcc") || readText(value, header.charset).isSound) continue;
    const { newline, charset } = header;
    const written = readAddresses(readBytes(value, charset).text, charset).map((found) =>
      found.address === ""
        ? encodeHeaderText(found.name, newline)
        : writeAddress({ ...found, address: plainAddress(found.address) ?? found.address }, newline),
    );
    parts.push(
      mail.slice(kept, start),
      new Blob([`${name === "cc" ? "Cc" : "Bcc"}: ${written.join(`,${newline} `)}${newline}`]),
    );
    kept = end;
  }
  return [...parts, mail.slice(kept)];
}

function inAscii(text: string, { newline }: MailHeader): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : encodeHeaderText(text, newline);
}

/** As UVdesk reads it: encoded words are decoded before anything else is looked at. */
function readHeader(header: MailHeader, name: string): HeaderText | undefined {
  const value = header.get(name);
  return value === undefined ? undefined : readText(value, header.charset);
}

function readBytes(value: string, charset: string | undefined): HeaderText {
  return readJapanese(value) ?? readHeaderBytes(value, charset);
}

function readText(value: string, charset: string | undefined): HeaderText {
  const bytes = readBytes(value, charset);
  const words = readEncodedWords(bytes.text, charset);
  return { text: words.text.trim(), isSound: bytes.isSound && words.isSound };
}
