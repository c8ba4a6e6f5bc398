import { chunkIsGarbage } from "../platform/collect-chunks.ts";
import { readEncodedWords, readHeaderBytes } from "./header-text.ts";
import { unfold } from "./mail-header.ts";

/** Nobody writes a longer header of a part. */
const PART_HEADER_LIMIT = 16 * 1024;

/** The name of a file in a mail. */
export interface PartName {
  readonly name: string;
  /** Bytes of eight bits that are no UTF-8 stand in it. */
  readonly isSound: boolean;
}

/**
 * The names of the files in a mail, in their order. It looks at what follows each line that a boundary may be, as a
 * stream: a mail may be large, and a name too many does no harm.
 */
export async function partNames(mail: Blob, charset: string | undefined): Promise<PartName[]> {
  const names: PartName[] = [];
  let rest = "";
  for await (const chunk of mail.stream()) {
    rest += Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString("latin1");
    chunkIsGarbage(chunk);
    rest = takeNames(rest, names, charset, false);
  }
  takeNames(rest, names, charset, true);
  return names;
}

/** Reads the names in a piece of the mail; gives what may go on in the next. */
function takeNames(text: string, names: PartName[], charset: string | undefined, isLast: boolean): string {
  let from = 0;
  for (;;) {
    const boundary = text.indexOf("\n--", from);
    if (boundary === -1) return text.slice(Math.max(from, text.length - 2));
    const head = text.slice(boundary + 1, boundary + 1 + PART_HEADER_LIMIT);
    const end = head.search(/\r?\n\r?\n/);
    if (end === -1 && head.length < PART_HEADER_LIMIT && !isLast) return text.slice(boundary);
    const found = readName(head.slice(0, end === -1 ? undefined : end), charset);
    if (found !== undefined) names.push(found);
    from = boundary + 3;
  }
}

function readName(head: string, charset: string | undefined): PartName | undefined {
  const lines = unfold(head.slice(head.indexOf("\n") + 1));
  const value = (header: RegExp) => header.exec(lines)?.[1] ?? "";
  const disposition = value(/^content-disposition:(.*)$/im);
  const type = value(/^content-type:(.*)$/im);
  const raw = parameter(disposition, "filename") ?? parameter(type, "name");
  if (raw === undefined) return undefined;
  const bytes = readHeaderBytes(raw, charset);
  const words = readEncodedWords(bytes.text, charset);
  return { name: words.text, isSound: bytes.isSound && words.isSound };
}

/** Of the forms of https://www.rfc-editor.org/rfc/rfc2231: `name=`, `name*=`, `name*0=` and so on. Gives its bytes. */
function parameter(header: string, name: string): string | undefined {
  const found = header.matchAll(
    new RegExp(`;\\s*${name}(\\*?)(\\d*)(\\*?)\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|([^;\\s]*))`, "gi"),
  );
  const pieces = [...found].map(([, star, number = "", encoded, quoted, plain = ""]) => ({
    order: Number(number),
    isEncoded: encoded === "*" || (star === "*" && number === ""),
    text: quoted?.replace(/\\(.)/g, "$1") ?? plain,
  }));
  if (pieces.length === 0) return undefined;
  const numbered = pieces.some(({ order }) => order > 0)
    ? pieces.toSorted((a, b) => a.order - b.order)
    : pieces.slice(-1);
  let label = "utf-8";
  const bytes = numbered.map(({ order, isEncoded, text }) => {
    if (!isEncoded) return text;
    const [, named, rest] = (order === 0 && /^([^']*)'[^']*'(.*)$/s.exec(text)) || [];
    if (named) label = named;
    return (rest ?? text).replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
  });
  if (!numbered.some(({ isEncoded }) => isEncoded)) return bytes.join("");
  return `=?${label}?B?${Buffer.from(bytes.join(""), "latin1").toString("base64")}?=`;
}
