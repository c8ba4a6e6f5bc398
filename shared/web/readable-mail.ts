import type iconvLite from "iconv-lite";

/** Labels that postal-mime knows by other names, and reads; TextDecoder alone does not. */
const READ_BY_PARSER = /^(?:iso2022jp[12]?|junet|mskanji|iso88598[ie]|(?:cp|ms|ibm|windows)(?:5022[012]|51932))$/;
/** Two bytes each: the parser would count the line end before a delimiter in. */
const UTF_16 = /^(?:utf16(?:be|le)?|unicode|iso10646ucs2|ucs2)$/;

const ENCODED_WORD = /=\?([^?\s*]+)(?:\*[^?\s]*)?\?([bq])\?([^?\s]*)\?=/gi;
const CHARSET = /;\s*charset\s*=\s*"?([^\s";]+)"?/i;

const plain = (label: string) =>
  label
    .toLowerCase()
    .replace(/^(?:x-ms-|x-|cs)/, "")
    .replace(/[\s._-]+/g, "");

/**
 * The mail with its texts in UTF-8 where they are in a character set that the parser cannot read: those of DOS, UTF-7,
 * UTF-16, ISO-2022-KR. Where nothing can read them, a sentence says so in their place; the parser would take them for
 * windows-1252 and show nonsense.
 */
export async function readableMail(bytes: Uint8Array): Promise<Uint8Array> {
  const text = Buffer.from(bytes).toString("latin1");
  const labels = [...text.matchAll(new RegExp(CHARSET, "gi")), ...text.matchAll(ENCODED_WORD)].map(
    ([, label]) => label,
  );
  if (!labels.some((label = "") => isForeign(label))) return bytes;
  // Its tables are large, and few mails need them.
  const { default: iconv } = await import("iconv-lite");
  return Buffer.from(
    partsOf(text)
      .map((part) => readablePart(part, iconv))
      .join(""),
    "latin1",
  );
}

function isForeign(label: string): boolean {
  if (UTF_16.test(plain(label))) return true;
  return !isDecoded(label) && !isDecoded(plain(label)) && !READ_BY_PARSER.test(plain(label));
}

function isDecoded(label: string): boolean {
  try {
    return new TextDecoder(label) !== undefined;
  } catch {
    // It throws for labels that it does not know, and has no other way to ask.
    return false;
  }
}

/** The lines between delimiters, each with the delimiter before it; together they are the whole text. */
function partsOf(text: string): string[] {
  const boundaries = new Set(
    [...text.matchAll(/;\s*boundary\s*=\s*(?:"([^"\r\n]+)"|([^\s";]+))/gi)].map(([, quoted, bare]) => quoted ?? bare),
  );
  const parts = [""];
  for (const line of text.split(/(?<=\n)/)) {
    const name = line.startsWith("--") ? line.trimEnd().slice(2) : undefined;
    if (name !== undefined && (boundaries.has(name) || boundaries.has(name.replace(/--$/, "")))) parts.push("");
    parts.push((parts.pop() ?? "") + line);
  }
  return parts;
}

function readablePart(part: string, iconv: typeof iconvLite): string {
  const [, start = part, gap = "", body = ""] = /^([\s\S]*?\n)(\r?\n)([\s\S]*)$/.exec(part) ?? [];
  const head = start.replaceAll(ENCODED_WORD, (word, label: string, way: string, content: string) => {
    if (!isForeign(label)) return word;
    const bytes = /b/i.test(way) ? Buffer.from(content, "base64") : fromQuoted(content.replaceAll("_", " "));
    return `=?utf-8?B?${Buffer.from(decode(bytes, label, iconv)).toString("base64")}?=`;
  });
  const unfolded = head.replaceAll(/\r?\n(?=[ \t])/g, "");
  const type = /^content-type:(.*)$/im.exec(unfolded)?.[1] ?? "";
  const label = CHARSET.exec(type)?.[1];
  if (label === undefined || !/^\s*text\//i.test(type) || !isForeign(label)) return head + gap + body;
  const encoding = /^content-transfer-encoding:\s*([\w-]+)/im.exec(unfolded)?.[1]?.toLowerCase();
  // The last line end belongs to the delimiter.
  const whole = decode(bytesOf(body.replace(/\r?\n$/, ""), encoding), label, iconv);
  const others = unfolded.split(/(?<=\n)/).filter((line) => !/^content-(?:type|transfer-encoding):/i.test(line));
  const plainType = type.replace(CHARSET, "").trim();
  const base64 = Buffer.from(whole).toString("base64").replace(/.{76}/g, "$&\r\n");
  return `${others.join("")}Content-Type: ${plainType}; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64}\r\n`;
}

function decode(bytes: Buffer, label: string, iconv: typeof iconvLite): string {
  const name = plain(label);
  if (name === "iso2022kr") return decodeIso2022Kr(bytes);
  // Without a word on the order of the bytes, their mark or the text itself tells it.
  if (UTF_16.test(name) && !/[bl]e$/.test(name)) return iconv.decode(bytes, "utf-16");
  for (const known of [label, name]) {
    if (iconv.encodingExists(known)) return iconv.decode(bytes, known);
  }
  return `[This is written in ${label.replace(/[^\w.-]/g, "")}, which cannot be shown here: download the message]`;
}

/** ASCII, and between shift-out and shift-in KS X 1001, which EUC-KR has with the high bit. https://www.rfc-editor.org/rfc/rfc1557 */
function decodeIso2022Kr(bytes: Buffer): string {
  const euc: number[] = [];
  let high = 0;
  for (const byte of Buffer.from(bytes.toString("latin1").replaceAll("\x1b$)C", ""), "latin1")) {
    if (byte === 0x0e) high = 0x80;
    else if (byte === 0x0f) high = 0;
    else euc.push(byte > 0x20 ? byte | high : byte);
  }
  return new TextDecoder("euc-kr").decode(Buffer.from(euc));
}

function bytesOf(body: string, encoding: string | undefined): Buffer {
  if (encoding === "base64") return Buffer.from(body, "base64");
  if (encoding === "quoted-printable") return fromQuoted(body.replaceAll(/=[ \t]*\r?\n/g, ""));
  return Buffer.from(body, "latin1");
}

function fromQuoted(text: string): Buffer {
  const bytes = text.replaceAll(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1");
}
