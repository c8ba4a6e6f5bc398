import { folderNotFound, itemNotFound, malformedId } from "./graph-errors.ts";
import { createGraphIds, isWellFormedId } from "./graph-ids.ts";
import { type MailHeaders, readMailHeaders } from "./graph-mail-headers.ts";
import type {
  DeliverOptions,
  FolderInfo,
  FolderOptions,
  Mailbox,
  MailboxOptions,
  MessageInfo,
} from "./graph-mailbox.ts";

/** What happened in a folder, in its order. Its number, counted from 1, is what sync states remember. */
export type FolderChange =
  | { readonly kind: "arrived"; readonly immutableId: string; readonly movedIn: boolean }
  | { readonly kind: "left"; readonly immutableId: string; readonly id: string }
  | { readonly kind: "read" | "changed" | "replayed"; readonly immutableId: string }
  /** Stands where an arrival was that is kept back or overlooked. */
  | { readonly kind: "hidden"; readonly immutableId: string };

export interface Folder extends FolderInfo {
  parent: FolderInfo | undefined;
  readonly changes: FolderChange[];
}

export interface StoredMessage {
  immutableId: string;
  id: string;
  folder: Folder;
  readonly name: string | undefined;
  readonly mime: Buffer;
  readonly headers: MailHeaders;
  readonly receivedAt: Date;
  modifiedAt: Date;
  /** Counts its changes; stands in its change key. */
  version: number;
  isRead: boolean;
  categories: readonly string[];
  isCorrupt: boolean;
  /** Simulated ms since 1970. */
  hiddenUntil: number | undefined;
}

/** The mailbox as the request handlers see it. */
export interface MailboxStore extends Mailbox {
  readonly options: MailboxOptions;
  readonly isFull: boolean;
  /** Grows when all sync states die. */
  readonly syncEpoch: number;
  /** By well-known name or id, as a request names it; throws Graph's own errors. */
  folderOf(reference: string): Folder;
  /** By regular or immutable id, as a request names it; throws Graph's own errors. */
  messageOf(id: string): StoredMessage;
  /** A message that Graph shows; undefined when it has gone. */
  visibleMessage(immutableId: string): StoredMessage | undefined;
  visibleMessages(folder: Folder): StoredMessage[];
  changesAfter(folder: Folder, seen: number): readonly FolderChange[];
  update(message: StoredMessage, change: { isRead?: boolean; categories?: readonly string[] }): void;
  moveTo(message: StoredMessage, folder: Folder): void;
}

/** Localised, as in the mailbox of anybody who does not work in English. */
const USUAL_FOLDERS: readonly FolderOptions[] = [
  { wellKnownName: "inbox", displayName: "Posteingang" },
  { wellKnownName: "archive", displayName: "Archiv" },
  { wellKnownName: "deleteditems", displayName: "Gelöschte Elemente" },
  { wellKnownName: "junkemail", displayName: "Junk-E-Mail" },
  { wellKnownName: "drafts", displayName: "Entwürfe" },
  { wellKnownName: "sentitems", displayName: "Gesendete Elemente" },
];

const MS_PER_SECOND = 1000;

function inWholeSeconds(moment: Date): Date {
  return new Date(Math.floor(moment.getTime() / MS_PER_SECOND) * MS_PER_SECOND);
}

export function createMailboxStore(options: MailboxOptions): MailboxStore {
  const ids = createGraphIds();
  const folders: Folder[] = [];
  const messages = new Map<string, StoredMessage>();
  const immutableIdOf = new Map<string, string>();
  const hidden = new Set<StoredMessage>();
  let isFull = false;
  let syncEpoch = 0;
  for (const folder of [...USUAL_FOLDERS, ...(options.folders ?? [])]) addFolder(folder);

  function addFolder({ id, wellKnownName, displayName, parent }: FolderOptions): Folder {
    const folder: Folder = {
      id: id ?? ids.nextFolderId(),
      wellKnownName: wellKnownName?.toLowerCase(),
      displayName,
      parent: parent === undefined ? undefined : folderNamed(parent),
      changes: [],
    };
    folders.push(folder);
    return folder;
  }

  function removeFolder(reference: string): void {
    const folder = folderNamed(reference);
    for (const { immutableId, folder: place } of messages.values()) if (place === folder) remove(immutableId);
    folders.splice(folders.indexOf(folder), 1);
  }

  function findFolder(reference: string): Folder | undefined {
    return folders.find((folder) => folder.id === reference || folder.wellKnownName === reference.toLowerCase());
  }

  /** For the hands outside, which may also use the display name. */
  function folderNamed(reference: string): Folder {
    const found = findFolder(reference) ?? folders.find((folder) => folder.displayName === reference);
    if (found === undefined) throw new Error(`${options.address} has no folder ${reference}`);
    return found;
  }

  function folderOf(reference: string): Folder {
    const found = findFolder(reference);
    if (found !== undefined) return found;
    // A name that is no well-known one is read as an id: https://github.com/mguessan/davmail/issues/459
    throw isWellFormedId(reference) ? folderNotFound() : malformedId();
  }

  function existing(immutableId: string): StoredMessage {
    const found = messages.get(immutableId);
    if (found === undefined) throw new Error(`${options.address} has no message ${immutableId}`);
    return found;
  }

  /** Late arrivals whose time has come enter their folder's changes only now. */
  function revealDue(): void {
    for (const message of hidden) {
      if (message.hiddenUntil !== undefined && message.hiddenUntil > Date.now()) continue;
      hidden.delete(message);
      message.hiddenUntil = undefined;
      message.folder.changes.push({ kind: "arrived", immutableId: message.immutableId, movedIn: false });
    }
  }

  function visibleMessage(immutableId: string): StoredMessage | undefined {
    revealDue();
    const message = messages.get(immutableId);
    return message === undefined || hidden.has(message) ? undefined : message;
  }

  function messageOf(id: string): StoredMessage {
    if (!isWellFormedId(id)) throw malformedId();
    const found = visibleMessage(immutableIdOf.get(id) ?? id);
    if (found === undefined) throw itemNotFound();
    return found;
  }

  function visibleMessages(folder: Folder): StoredMessage[] {
    revealDue();
    return [...messages.values()].filter((message) => message.folder === folder && !hidden.has(message));
  }

  function changesAfter(folder: Folder, seen: number): readonly FolderChange[] {
    revealDue();
    return folder.changes.slice(seen);
  }

  function deliver(mime: Buffer, { folder = "inbox", receivedAt, name }: DeliverOptions = {}) {
    const now = new Date();
    const message: StoredMessage = {
      immutableId: ids.nextImmutableId(),
      id: ids.nextMessageId(),
      folder: folderNamed(folder),
      name,
      mime,
      headers: readMailHeaders(mime),
      receivedAt: inWholeSeconds(receivedAt ?? now),
      modifiedAt: now,
      version: 1,
      isRead: false,
      categories: [],
      isCorrupt: false,
      hiddenUntil: undefined,
    };
    enter(message);
    return { immutableId: message.immutableId, id: message.id };
  }

  function leaveFolder(message: StoredMessage): void {
    immutableIdOf.delete(message.id);
    if (!hidden.has(message)) {
      message.folder.changes.push({ kind: "left", immutableId: message.immutableId, id: message.id });
    }
  }

  function migrate(): ReadonlyMap<string, string> {
    const moved = new Map<string, string>();
    syncEpoch += 1;
    const all = [...messages.values()];
    messages.clear();
    immutableIdOf.clear();
    for (const folder of folders) folder.changes.length = 0;
    for (const message of all) {
      const before = message.immutableId;
      message.immutableId = ids.nextImmutableId();
      message.id = ids.nextMessageId();
      moved.set(before, message.immutableId);
      enter(message);
    }
    return moved;
  }

  function copy(immutableId: string): string {
    const original = existing(immutableId);
    const message = { ...original, immutableId: ids.nextImmutableId(), id: ids.nextMessageId() };
    enter(message);
    return message.immutableId;
  }

  /** A message that is new to its folder. */
  function enter(message: StoredMessage): void {
    messages.set(message.immutableId, message);
    immutableIdOf.set(message.id, message.immutableId);
    if (hidden.has(message)) return;
    message.folder.changes.push({ kind: "arrived", immutableId: message.immutableId, movedIn: false });
  }

  function touch(message: StoredMessage): void {
    message.version += 1;
    message.modifiedAt = new Date();
  }

  function moveTo(message: StoredMessage, folder: Folder): void {
    if (message.folder === folder) return;
    leaveFolder(message);
    message.folder = folder;
    message.id = ids.nextMessageId();
    immutableIdOf.set(message.id, message.immutableId);
    touch(message);
    if (!hidden.has(message)) folder.changes.push({ kind: "arrived", immutableId: message.immutableId, movedIn: true });
  }

  function remove(immutableId: string): void {
    const message = existing(immutableId);
    leaveFolder(message);
    hidden.delete(message);
    messages.delete(immutableId);
  }

  function update(
    message: StoredMessage,
    { isRead, categories }: { isRead?: boolean; categories?: readonly string[] },
  ) {
    if (isRead !== undefined && isRead !== message.isRead) {
      message.isRead = isRead;
      touch(message);
      message.folder.changes.push({ kind: "read", immutableId: message.immutableId });
    }
    if (categories !== undefined) {
      message.categories = categories;
      touch(message);
      message.folder.changes.push({ kind: "changed", immutableId: message.immutableId });
    }
  }

  /** The arrival that nobody has seen yet is taken back; `revealDue` enters it again. */
  function setHiddenUntil(immutableId: string, moment: Date): void {
    const message = existing(immutableId);
    const { changes } = message.folder;
    const arrival = changes.findLastIndex((change) => change.kind === "arrived" && change.immutableId === immutableId);
    // Overwritten, not taken out: the numbers of the other changes stand in sync states.
    if (arrival >= 0 && !hidden.has(message)) changes[arrival] = { kind: "hidden", immutableId };
    message.hiddenUntil = moment.getTime();
    hidden.add(message);
  }

  function overlook(immutableId: string): void {
    const { changes } = existing(immutableId).folder;
    const arrival = changes.findLastIndex((change) => change.kind === "arrived" && change.immutableId === immutableId);
    if (arrival >= 0) changes[arrival] = { kind: "hidden", immutableId };
  }

  function infoOf(message: StoredMessage): MessageInfo {
    return {
      immutableId: message.immutableId,
      id: message.id,
      name: message.name,
      folder: message.folder.wellKnownName ?? message.folder.displayName,
      isRead: message.isRead,
      receivedAt: message.receivedAt,
      size: message.mime.byteLength,
      subject: message.headers.subject,
      from: message.headers.from?.address,
    };
  }

  return {
    address: options.address,
    options,
    folders,
    get isFull() {
      return isFull;
    },
    get syncEpoch() {
      return syncEpoch;
    },
    deliver,
    move: (immutableId, folder) => moveTo(existing(immutableId), folderNamed(folder)),
    remove,
    setRead: (immutableId, isRead) => update(existing(immutableId), { isRead }),
    messages: (reference) => {
      revealDue();
      const folder = reference === undefined ? undefined : folderNamed(reference);
      return [...messages.values()]
        .filter((message) => folder === undefined || message.folder === folder)
        .map((message) => infoOf(message));
    },
    corrupt: (immutableId) => {
      existing(immutableId).isCorrupt = true;
    },
    repair: (immutableId) => {
      existing(immutableId).isCorrupt = false;
    },
    setFull: (full) => {
      isFull = full;
    },
    expireSyncState: () => {
      syncEpoch += 1;
    },
    migrate,
    copy,
    setHiddenUntil,
    replay: (immutableId) => {
      existing(immutableId).folder.changes.push({ kind: "replayed", immutableId });
    },
    overlook,
    addFolder,
    moveFolder: (reference, parent) => {
      folderNamed(reference).parent = folderNamed(parent);
    },
    removeFolder,
    folderOf,
    messageOf,
    visibleMessage,
    visibleMessages,
    changesAfter,
    update,
    moveTo,
  };
}
