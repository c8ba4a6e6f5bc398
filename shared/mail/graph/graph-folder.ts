import { FolderNotFoundError, GraphError } from "../message-source.ts";
import type { SendToGraph } from "./graph-client.ts";
import { userPath } from "./user-path.ts";

/** https://learn.microsoft.com/graph/api/resources/mailfolder */
const WELL_KNOWN =
  /^(?:archive|clutter|conflicts|conversationhistory|deleteditems|drafts|inbox|junkemail|localfailures|msgfolderroot|outbox|recoverableitemsdeletions|scheduled|searchfolders|sentitems|serverfailures|syncissues)$/i;
/** Ids of folders are constant, whatever kind of ids is asked for. https://learn.microsoft.com/graph/outlook-immutable-id */
const FOLDER_ID = /^[\w-]{60,}={0,2}$/;

/**
 * How requests name the folder: a well-known name or an id as it is; any other name is looked for among the folders at
 * the top and those in the inbox. A folder that was deleted and made again is thereby found again by its name.
 *
 * @throws {FolderNotFoundError} no folder has the name, or two have it
 */
export async function findFolder(send: SendToGraph, address: string, folder: string): Promise<string> {
  if (WELL_KNOWN.test(folder) || FOLDER_ID.test(folder)) return folder;
  const user = `${userPath(address)}/mailFolders`;
  const filter = encodeURIComponent(`displayName eq '${folder.replaceAll("'", "''")}'`);
  const found: string[] = [];
  for (const place of [user, `${user}/inbox/childFolders`]) {
    const response = await send({ method: "GET", path: `${place}?$filter=${filter}&$select=id` });
    const { value = [] } = (await response.json()) as { value?: readonly { readonly id: string }[] };
    found.push(...value.map(({ id }) => id));
  }
  const [id] = found;
  if (id === undefined) throw new FolderNotFoundError(address, folder, "is not there");
  if (found.length > 1) throw new FolderNotFoundError(address, folder, "is there more than once");
  return id;
}

/** Whether the failure says that the folder does not exist, or that what names it is no name of a folder. */
export function saysNoFolder(error: unknown): boolean {
  if (!(error instanceof GraphError) || error.code !== "GRAPH_REFUSED") return false;
  return /^(?:ErrorItemNotFound|ErrorFolderNotFound|ErrorSyncFolderNotFound|ErrorInvalidIdMalformed)$/.test(
    error.answer.graphCode ?? "",
  );
}

/** The id of the folder that `findFolder` gave; `undefined` where it does not open. */
export async function folderId(send: SendToGraph, address: string, folder: string): Promise<string | undefined> {
  const path = `${userPath(address)}/mailFolders/${encodeURIComponent(folder)}?$select=id`;
  try {
    const response = await send({ method: "GET", path });
    return ((await response.json()) as { id: string }).id;
  } catch (error) {
    if (saysNoFolder(error)) return undefined;
    throw error;
  }
}

/**
 * Tries to open the folder, as a check right after consent.
 * @returns what is wrong, in words for a page; `undefined` where it opens
 */
export async function cannotOpenFolder(
  send: SendToGraph,
  address: string,
  folder: string,
): Promise<string | undefined> {
  try {
    const id = await folderId(send, address, await findFolder(send, address, folder));
    return id !== undefined ? undefined : new FolderNotFoundError(address, folder, "is not there").message;
  } catch (error) {
    if (error instanceof FolderNotFoundError) return error.message;
    if (error instanceof GraphError && error.code === "GRAPH_REFUSED") return error.message;
    throw error;
  }
}
