import { randomUUID } from "node:crypto";
import { openAsBlob } from "node:fs";
import { open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Up to this many bytes a message is held in memory; a larger one goes through a file. */
const MEMORY_LIMIT_BYTES = 1024 * 1024;

/** The bytes of a message, complete. A blob knows its length before it is sent, and can be read more than once. */
export interface MailContent {
  readonly blob: Blob;
  /** Removes the temporary file, if there is one. Call it when the delivery is over, however it ended. */
  dispose(): Promise<void>;
}

/**
 * Receives a message whole before anything is done with it: a body that breaks off throws here and is never offered to
 * the desk.
 * @param folder where a large message lies for the time of its delivery; by default the system's own
 */
export async function receiveContent(body: AsyncIterable<Uint8Array>, folder: string = tmpdir()): Promise<MailContent> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const chunksOf = body[Symbol.asyncIterator]();
  for (;;) {
    const next = await chunksOf.next();
    if (next.done) break;
    chunks.push(next.value);
    bytes += next.value.byteLength;
    if (bytes > MEMORY_LIMIT_BYTES) return toFile(chunks, chunksOf, folder);
  }
  return { blob: new Blob(chunks as Uint8Array<ArrayBuffer>[]), dispose: async () => {} };
}

async function toFile(
  start: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
  folder: string,
): Promise<MailContent> {
  const path = join(folder, `deskpost-${randomUUID()}.eml`);
  const dispose = () => rm(path, { force: true });
  try {
    // 0600: nobody else on the machine reads the mail.
    const file = await open(path, "wx", 0o600);
    try {
      for (const chunk of start) await file.writeFile(chunk);
      for (let next = await rest.next(); !next.done; next = await rest.next()) await file.writeFile(next.value);
    } finally {
      await file.close();
    }
    return { blob: await openAsBlob(path), dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
