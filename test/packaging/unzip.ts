import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { inflateRawSync } from "node:zlib";

const CENTRAL_ENTRY = 0x02014b50;
const END_OF_CENTRAL_DIRECTORY = 0x06054b50;
const END_BYTES = 22;
const DEFLATED = 8;

/**
 * Unpacks a zip by its central directory, as an extractor does, and gives the paths in it.
 * https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, without archive comment and Zip64
 */
export async function unzip(zip: Buffer, into: string): Promise<string[]> {
  const end = zip.length - END_BYTES;
  if (zip.readUInt32LE(end) !== END_OF_CENTRAL_DIRECTORY) throw new Error("This is no zip, or one with a comment");
  const files: string[] = [];
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left -= 1) {
    if (zip.readUInt32LE(at) !== CENTRAL_ENTRY) throw new Error("The zip's directory is damaged");
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((offset) => zip.readUInt16LE(at + offset)) as [
      number,
      number,
      number,
    ];
    const file = zip.toString("utf8", at + 46, at + 46 + nameBytes);
    const header = zip.readUInt32LE(at + 42);
    const start = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28);
    const packed = zip.subarray(start, start + zip.readUInt32LE(at + 20));
    const target = path.join(into, file);
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, zip.readUInt16LE(at + 10) === DEFLATED ? inflateRawSync(packed) : packed);
    files.push(file);
    at += 46 + nameBytes + extraBytes + commentBytes;
  }
  return files;
}
