import type { StoredMailbox } from "../../mailboxes/mailbox.ts";
import { FolderNotFoundError } from "../message-source.ts";
import type { SendToGraph } from "./graph-client.ts";
import { findFolder, folderId } from "./graph-folder.ts";

/**
 * The mailbox, among those that have been connected, that has the same folder of the same address under another name:
 * "inbox", what Outlook calls it, or its id. Only Graph knows that they are one; connected twice, every mail would be
 * delivered twice.
 */
export async function findSameFolder(
  send: SendToGraph,
  { id, address, folder }: StoredMailbox,
  all: readonly StoredMailbox[],
): Promise<StoredMailbox | undefined> {
  const others = all.filter((other) => other.address === address && other.id !== id && wasConnected(other));
  if (others.length === 0) return undefined;
  const own = await idOf(send, address, folder);
  for (const other of others) {
    if (own !== undefined && (await idOf(send, address, other.folder)) === own) return other;
  }
  return undefined;
}

function wasConnected({ status, statusBeforePause }: StoredMailbox): boolean {
  return (status === "paused" ? (statusBeforePause ?? "new") : status) !== "new";
}

async function idOf(send: SendToGraph, address: string, folder: string): Promise<string | undefined> {
  try {
    return await folderId(send, address, await findFolder(send, address, folder));
  } catch (error) {
    if (error instanceof FolderNotFoundError) return undefined;
    throw error;
  }
}
