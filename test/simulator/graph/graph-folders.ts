import type { SeenRequest } from "../stand-in.ts";
import { badRequest } from "./graph-errors.ts";
import type { Folder, MailboxStore } from "./graph-mailbox-store.ts";
import { folderJson } from "./graph-message-json.ts";

const DEFAULT_LIST_SIZE = 10;

/**
 * `GET …/mailFolders` and `GET …/childFolders`: the folders right below the root, or below one of them; none deeper.
 * https://learn.microsoft.com/graph/api/user-list-mailfolders
 */
export function listFolders(store: MailboxStore, parent: Folder | undefined, { query }: SeenRequest): unknown {
  const filter = query.get("$filter");
  const [, name] = /^displayName eq '((?:[^']|'')*)'$/.exec(filter ?? "") ?? [];
  if (filter !== null && name === undefined) throw badRequest(`Invalid filter clause: ${filter}`);
  const wanted = name?.replaceAll("''", "'").toLowerCase();
  const found = store.folders.filter(
    (folder) => folder.parent === parent && (wanted === undefined || folder.displayName.toLowerCase() === wanted),
  );
  return { value: found.slice(0, DEFAULT_LIST_SIZE).map((folder) => folderJson(store, store.folderOf(folder.id))) };
}
