/** A header block longer than this is no header block. */
const HEADER_LIMIT_BYTES = 256 * 1024;

/** One header as it stands in the mail. */
interface HeaderField {
  /** In lower case. */
  readonly name: string;
  /** Unfolded; a character for each byte, as nobody knows its charset yet. */
  readonly value: string;
  /** Its bytes in the mail, the end of its last line included. */
  readonly start: number;
  readonly end: number;
}

export interface MailHeader {
  /** The value of the first header of this name, unfolded; `undefined` where it is absent or empty. */
  get(name: string): string | undefined;
  readonly fields: readonly HeaderField[];
  /** The first charset that the mail names, in its header or in its first parts. */
  readonly charset: string | undefined;
  /** How this message ends its lines. */
  readonly newline: "\r\n" | "\n";
}

/**
 * Reads the header block of a message and leaves its bytes alone. It takes whatever comes: an empty file, or something
 * that is no mail at all, has no headers.
 */
export async function readMailHeader(mail: Blob): Promise<MailHeader> {
  const start = Buffer.from(await mail.slice(0, HEADER_LIMIT_BYTES).arrayBuffer()).toString("latin1");
  const newline = /\r\n|\n/.exec(start)?.[0] === "\n" ? "\n" : "\r\n";
  const end = /^\r?\n|\r?\n\r?\n/.exec(start);
  const fields = readFields(end === null ? start : start.slice(0, end.index + end[0].length));
  return {
    newline,
    fields,
    charset: /charset\s*=\s*"?([\w.:-]+)/i.exec(start)?.[1],
    get: (name) => fields.find((field) => field.name === name.toLowerCase())?.value || undefined,
  };
}

/** A header goes on in each line that begins with a blank. */
function readFields(block: string): HeaderField[] {
  return [...block.matchAll(/^(?![\r\n])[^\n]*(?:\n[ \t][^\n]*)*(?:\n|$)/gm)].flatMap(({ 0: lines, index }) => {
    const colon = lines.indexOf(":");
    if (colon <= 0) return [];
    const name = lines.slice(0, colon).trim().toLowerCase();
    const value = unfold(lines.slice(colon + 1));
    return [{ name, value, start: index, end: index + lines.length }];
  });
}

/** The value of a header in one line. */
export function unfold(value: string): string {
  return value.replace(/\r?\n[ \t]+/g, " ").trim();
}
