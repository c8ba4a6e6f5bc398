/** Text of a header, and whether whoever reads its bytes as UTF-8 reads it without a fault. */
export interface HeaderText {
  readonly text: string;
  readonly isSound: boolean;
}

/** What a mail in bytes of eight bits is written in where it does not say; the web's guess, too. */
const USUAL_CHARSET = "windows-1252";
/** Of text in one encoded word: 75 characters are allowed with all around it. https://www.rfc-editor.org/rfc/rfc2047#section-2 */
const WORD_BYTES = 42;
const ENCODED_WORD = /=\?([^?\s*]+)(?:\*[^?\s]*)?\?([bq])\?([^?]*)\?=/gi;

/**
 * Reads the bytes of a header: UTF-8, else the charset that the mail names, else Windows-1252.
 * @param bytes a character for each byte
 */
export function readHeaderBytes(bytes: string, charset: string | undefined): HeaderText {
  return decode(Buffer.from(bytes, "latin1"), "utf-8", charset);
}

/**
 * Reads the encoded words of a header (https://www.rfc-editor.org/rfc/rfc2047). A character may be cut by the end of a
 * word, as many programs do. Words that are not in the charset that they name are read like raw bytes.
 */
export function readEncodedWords(text: string, charset: string | undefined): HeaderText {
  const joined = text.replace(/(\?=)\s+(?==\?[^?\s]+\?[bq]\?)/gi, "$1");
  const parts: string[] = [];
  let isSound = true;
  let run: { label: string; bytes: Buffer } | undefined;
  let end = 0;

  function endRun(): void {
    if (run === undefined) return;
    const decoded = decode(run.bytes, run.label, charset);
    isSound &&= decoded.isSound;
    parts.push(decoded.text);
    run = undefined;
  }

  for (const { 0: word, 1: named = "", 2: encoding = "", 3: content = "", index } of joined.matchAll(ENCODED_WORD)) {
    const label = named.toLowerCase();
    const bytes = encoding.toLowerCase() === "b" ? Buffer.from(content, "base64") : fromQ(content);
    const between = joined.slice(end, index);
    if (run !== undefined && run.label === label && between === "") run.bytes = Buffer.concat([run.bytes, bytes]);
    else {
      endRun();
      parts.push(between);
      run = { label, bytes };
    }
    end = index + word.length;
  }
  endRun();
  return { text: parts.join("") + joined.slice(end), isSound };
}

/**
 * Reads ISO-2022-JP in a header without encoded words. It is in seven bits, so that it passes for ASCII, and its letters
 * for brackets and commas. https://www.rfc-editor.org/rfc/rfc1468
 * @returns `undefined` where nothing is written so
 */
export function readJapanese(bytes: string): HeaderText | undefined {
  if (!bytes.includes("\u001b$B") && !bytes.includes("\u001b$@")) return undefined;
  return { text: new TextDecoder("iso-2022-jp").decode(Buffer.from(bytes, "latin1")), isSound: false };
}

/** Encoded words for a header, cut between characters, one a line. */
export function encodeHeaderText(text: string, newline: string): string {
  const words: string[] = [];
  let word = "";
  for (const character of text) {
    if (Buffer.byteLength(word + character) > WORD_BYTES) {
      words.push(word);
      word = "";
    }
    word += character;
  }
  words.push(word);
  return words.map((part) => `=?UTF-8?B?${Buffer.from(part).toString("base64")}?=`).join(`${newline} `);
}

function fromQ(content: string): Buffer {
  const bytes = content
    .replaceAll("_", " ")
    .replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1");
}

function decode(bytes: Uint8Array, label: string, charset: string | undefined): HeaderText {
  const named = decoderFor(label);
  // PHP's mail parser takes what calls itself ASCII, or has a name that it does not know, for UTF-8.
  const isUtf8 = named === undefined || named.encoding === "utf-8" || /^(?:us-)?ascii$/i.test(label);
  const text = isUtf8 ? inUtf8(bytes) : named.decode(bytes);
  if (text !== undefined) return { text, isSound: true };
  const guess = charset === undefined ? undefined : decoderFor(charset);
  const decoder = guess === undefined || guess.encoding === "utf-8" ? new TextDecoder(USUAL_CHARSET) : guess;
  return { text: decoder.decode(bytes), isSound: false };
}

function inUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** Knows the charsets of the web: https://encoding.spec.whatwg.org */
function decoderFor(label: string): TextDecoder | undefined {
  try {
    return new TextDecoder(label);
  } catch {
    return undefined;
  }
}
