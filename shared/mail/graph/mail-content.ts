import { openAsBlob } from "node:fs";
import { tmpdir } from "node:os";
import { chunkIsGarbage } from "../../platform/collect-chunks.ts";
import type { MailContent } from "../message-source.ts";
import { closeAndRemove, createMailFile, type MailFile, removeMailFile } from "./mail-files.ts";

/** Up to this many bytes a message is held in memory; a larger one goes through a file. */
const MEMORY_LIMIT_BYTES = 1024 * 1024;

/**
 * Receives a message whole before anything is done with it: a body that breaks off throws here and is never offered to
 * the desk.
 * @param folder where a large message lies for the time of its delivery; by default the system's own
 */
export async function receiveContent(
  body: AsyncIterable<Uint8Array>,
  now: Date,
  folder = tmpdir(),
  memoryLimitBytes = MEMORY_LIMIT_BYTES,
): Promise<MailContent> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  let file: MailFile | undefined;
  try {
    for await (const chunk of body) {
      bytes += chunk.byteLength;
      if (file !== undefined) {
        await file.handle.writeFile(chunk);
        chunkIsGarbage(chunk);
      } else {
        chunks.push(chunk as Uint8Array<ArrayBuffer>);
        if (bytes > memoryLimitBytes) {
          file = await createMailFile(folder, now);
          for (const held of chunks.splice(0)) await file.handle.writeFile(held);
        }
      }
    }
    if (file === undefined) return { blob: new Blob(chunks), dispose: async () => {} };
    const { path, handle } = file;
    await handle.close();
    return { blob: await openAsBlob(path), dispose: () => removeMailFile(path) };
  } catch (error) {
    if (file !== undefined) await closeAndRemove(file);
    throw error;
  }
}
