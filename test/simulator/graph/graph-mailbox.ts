export interface MailboxOptions {
  readonly address: string;
  /** Object id of the account that the mailbox belongs to. */
  readonly ownerOid: string;
  /** Object ids of the accounts with full access to it, as to a shared mailbox. */
  readonly delegates?: readonly string[];
  /** Object ids of the accounts that may read it and change nothing. */
  readonly readers?: readonly string[];
  /** Besides the usual ones. */
  readonly folders?: readonly FolderOptions[];
}

export interface FolderOptions {
  readonly id?: string;
  readonly wellKnownName?: string;
  readonly displayName: string;
  /** The folder that it lies in, as `DeliverOptions.folder`; default the root. */
  readonly parent?: string;
}

export interface DeliverOptions {
  /** Well-known name, id or display name; default the inbox. */
  readonly folder?: string;
  /** Default now; in whole seconds, as Graph keeps it. */
  readonly receivedAt?: Date;
  /** A free label, such as the name of the file that the mail came from. */
  readonly name?: string;
}

/** A message as the tests and the demo see it. */
export interface MessageInfo {
  readonly immutableId: string;
  readonly id: string;
  readonly name: string | undefined;
  readonly folder: string;
  readonly isRead: boolean;
  readonly receivedAt: Date;
  readonly size: number;
  readonly subject: string;
  readonly from: string | undefined;
}

/** A mailbox in the hands of the tests and the demo: what its owner, its senders and its bad luck do to it. */
export interface Mailbox {
  readonly address: string;
  readonly folders: readonly FolderInfo[];
  /**
   * Takes any bytes, as a mail server does, and gives these very bytes back as `$value`. That is a simplification: the
   * real one rebuilds the MIME from what it stored. The buffer is kept, not copied.
   */
  deliver(mime: Buffer, options?: DeliverOptions): { immutableId: string; id: string };
  move(immutableId: string, folder: string): void;
  /** Gone for good. */
  remove(immutableId: string): void;
  setRead(immutableId: string, isRead: boolean): void;
  /** In the order of their delivery; all folders without a folder. */
  messages(folder?: string): MessageInfo[];
  /** From now on its MIME cannot be made: a permanent 500. */
  corrupt(immutableId: string): void;
  /** Its MIME can be made again. */
  repair(immutableId: string): void;
  /** A full mailbox fails on delta only. */
  setFull(full: boolean): void;
  /** Every delta link of this mailbox is dead: 410. */
  expireSyncState(): void;
  /**
   * The mailbox is moved to another organisation, or restored from a backup: each message has other ids afterwards, and
   * the old ones are unknown. Gives the new immutable ids by the old ones. https://learn.microsoft.com/graph/outlook-immutable-id
   */
  migrate(): ReadonlyMap<string, string>;
  /** Somebody copies a message within its folder: the same mail under another id. */
  copy(immutableId: string): string;
  /** A late arrival: Graph shows it from that moment on, with its old time of receipt. */
  setHiddenUntil(immutableId: string, moment: Date): void;
  /** Delta reports it once more, although nothing about it changed. */
  replay(immutableId: string): void;
  /** Delta never mentions its arrival; everything else shows it. */
  overlook(immutableId: string): void;
  addFolder(folder: FolderOptions): FolderInfo;
  /** Below another folder, under the same id: what Outlook does with one that is deleted. */
  moveFolder(reference: string, parent: string): void;
  /** Gone for good, with what is in it. */
  removeFolder(reference: string): void;
}

export interface FolderInfo {
  readonly id: string;
  readonly wellKnownName: string | undefined;
  readonly displayName: string;
  /** Undefined below the root. */
  readonly parent: FolderInfo | undefined;
}
