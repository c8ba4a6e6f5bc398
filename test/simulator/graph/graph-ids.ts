import { randomBytes } from "node:crypto";

/** Makes the ids of one mailbox. */
interface GraphIds {
  nextFolderId(): string;
  /** The regular id: a message gets another one with every move. */
  nextMessageId(): string;
  /** https://learn.microsoft.com/graph/outlook-immutable-id */
  nextImmutableId(): string;
}

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** Four characters for a number. 0 is "AAAA" and 26 is "AAAa": like real ids, some differ in their case only. */
function countIn64(value: number): string {
  return [18, 12, 6, 0].map((shift) => BASE64URL[(value >> shift) & 63]).join("");
}

/** Ids as long and as hard to handle as real ones: about 150 characters, mixed case, with `-`, `_` and `=`. */
export function createGraphIds(): GraphIds {
  const mailboxPart = randomBytes(48).toString("base64url");
  const storePart = randomBytes(33).toString("base64url");
  let folders = 0;
  let messages = 0;
  let immutables = 0;
  return {
    nextFolderId: () => `AAMkAD${mailboxPart}AuAAAAAAD_${storePart}AQD-${countIn64(folders++)}AAA=`,
    nextMessageId: () =>
      `AAMkAD${mailboxPart}BGAAAAAAD_${storePart}BwD-${storePart.slice(0, 16)}${countIn64(messages++)}AAA=`,
    nextImmutableId: () =>
      `AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A${mailboxPart}_${storePart}${countIn64(immutables++)}AAA=`,
  };
}

/** Whether Exchange can read this as an id at all, existing or not. */
export function isWellFormedId(id: string): boolean {
  return /^AA[A-Za-z0-9_-]{80,}=$/.test(id);
}
