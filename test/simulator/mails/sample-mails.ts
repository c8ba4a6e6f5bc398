import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";

export interface MailFile {
  /** Its path below the folder, with `/` on every system. */
  readonly name: string;
  readonly bytes: Buffer;
}

/** The mails of `samples/`: small, and each with something that mail software gets wrong. */
export function sampleMails(): MailFile[] {
  return readMailFolder(path.join(import.meta.dirname, "samples"));
}

/** Every `.eml` file below a folder, sorted by name. */
export function readMailFolder(folder: string): MailFile[] {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new Error(`There is no folder ${path.resolve(folder)} to read mails from`);
  }
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.toLowerCase().endsWith(".eml") && statSync(path.join(folder, name)).isFile())
    .map((name) => ({ name: name.split(path.sep).join("/"), bytes: readFileSync(path.join(folder, name)) }))
    .sort((left, right) => (left.name < right.name ? -1 : 1));
}
