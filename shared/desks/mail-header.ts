/** A header block longer than this is no header block. */
const HEADER_LIMIT_BYTES = 256 * 1024;

export interface MailHeader {
  /** The value of the first header of this name, unfolded; `undefined` where it is absent or empty. */
  get(name: string): string | undefined;
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
  const block = end === null ? start : start.slice(0, end.index);
  const unfolded = block.replace(/\r?\n[ \t]+/g, " ");
  return {
    newline,
    get(name) {
      for (const line of unfolded.split(/\r?\n/)) {
        const colon = line.indexOf(":");
        if (colon > 0 && line.slice(0, colon).trim().toLowerCase() === name.toLowerCase()) {
          return line.slice(colon + 1).trim() || undefined;
        }
      }
      return undefined;
    },
  };
}
