import type { SeenRequest } from "../stand-in.ts";

/**
 * Reads one text field of a form as PHP does, on raw bytes: a mail's 8-bit characters come through unharmed.
 * A multipart part with a file name is a file to PHP, not a field, so it counts as missing.
 */
export function formField({ headers, body }: SeenRequest, name: string): Buffer | undefined {
  const contentType = headers["content-type"] ?? "";
  if (/^multipart\/form-data\b/i.test(contentType)) return multipartField(contentType, body, name);
  if (/^application\/x-www-form-urlencoded\b/i.test(contentType)) return urlencodedField(body, name);
  return undefined;
}

function multipartField(contentType: string, body: Buffer, name: string): Buffer | undefined {
  const boundary = /;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(contentType);
  if (boundary === null) return undefined;
  const delimiter = Buffer.from(`--${boundary[1] ?? boundary[2]}`, "latin1");
  let partStart = body.indexOf(delimiter);
  while (partStart !== -1) {
    const headStart = partStart + delimiter.byteLength + 2;
    const nextDelimiter = body.indexOf(
      `\r\n${delimiter.toString("latin1")}`,
      partStart + delimiter.byteLength,
      "latin1",
    );
    const headEnd = body.indexOf("\r\n\r\n", headStart);
    if (nextDelimiter === -1 || headEnd === -1 || headEnd > nextDelimiter) return undefined;
    const head = body.toString("latin1", headStart, headEnd);
    if (isField(head, name)) return body.subarray(headEnd + 4, nextDelimiter);
    partStart = nextDelimiter + 2;
  }
  return undefined;
}

function isField(partHead: string, name: string): boolean {
  const disposition = /^content-disposition:(.*)$/im.exec(partHead)?.[1] ?? "";
  if (/;\s*filename\*?=/i.test(disposition)) return false;
  const found = /;\s*name=(?:"([^"]*)"|([^;\s]+))/i.exec(disposition);
  return (found?.[1] ?? found?.[2]) === name;
}

function urlencodedField(body: Buffer, name: string): Buffer | undefined {
  // Latin-1 maps each byte to one character and back, so nothing is lost on the way through a string.
  for (const pair of body.toString("latin1").split("&")) {
    const equals = pair.indexOf("=");
    if (equals !== -1 && percentDecode(pair.slice(0, equals)).toString() === name) {
      return percentDecode(pair.slice(equals + 1));
    }
  }
  return undefined;
}

function percentDecode(text: string): Buffer {
  const decoded = text
    .replaceAll("+", " ")
    .replace(/%([0-9a-f]{2})/gi, (_escape, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(decoded, "latin1");
}
