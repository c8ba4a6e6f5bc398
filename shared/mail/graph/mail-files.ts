import { randomUUID } from "node:crypto";
import { type FileHandle, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { errorFields, type Log } from "../../telemetry/log.ts";

/** Longer than any delivery lasts, claim and all. */
const LEFT_OVER_AFTER_MS = 60 * 60_000;

export interface MailFile {
  readonly path: string;
  readonly handle: FileHandle;
}

/** A new file for one message. Mode 0600: nobody else on the machine reads the mail. */
export async function createMailFile(folder: string, now: Date): Promise<MailFile> {
  const path = join(folder, `deskpost-${now.getTime()}-${randomUUID()}.eml`);
  return { path, handle: await open(path, "wx", 0o600) };
}

/**
 * Removes a message's file, and never fails: what the desk said of the message must not be lost over it. One that cannot
 * be removed now, as where a virus scanner looks at it, is left over for the cleanup.
 */
export async function removeMailFile(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
  } catch {
    // The cleanup tells where it fails as well.
  }
}

/** Gives up a file that was not written to its end, and never fails: why it was given up is what is to be told. */
export async function closeAndRemove({ path, handle }: MailFile): Promise<void> {
  await handle.close().catch(() => {});
  await removeMailFile(path);
}

export interface MailFileCleanupDeps {
  readonly folder: string;
  readonly log: Log;
  readonly now: () => Date;
}

/**
 * Removes the files that a process left behind when it died in the middle of a delivery. It looks at most once an hour,
 * and never fails: what cannot be removed now is for the next time.
 */
export function createMailFileCleanup({ folder, log, now }: MailFileCleanupDeps): () => Promise<void> {
  let nextAt = new Date(0);

  async function removeLeftOvers(): Promise<void> {
    for (const name of await readdir(folder)) {
      const [, createdAt] = /^deskpost-(\d+)-[0-9a-f-]+\.eml$/.exec(name) ?? [];
      if (createdAt === undefined || now().getTime() - Number(createdAt) < LEFT_OVER_AFTER_MS) continue;
      await removeLeftOver(join(folder, name), new Date(Number(createdAt)));
    }
  }

  /** One that cannot be removed does not keep the others. */
  async function removeLeftOver(path: string, createdAt: Date): Promise<void> {
    try {
      await rm(path, { force: true });
      log.warn("left-over mail file removed", { createdAt });
    } catch (error) {
      log.warn("left-over mail files not removed", { createdAt, ...errorFields(error) });
    }
  }

  return async () => {
    if (now() < nextAt) return;
    nextAt = new Date(now().getTime() + LEFT_OVER_AFTER_MS);
    try {
      await removeLeftOvers();
    } catch (error) {
      log.warn("left-over mail files not removed", errorFields(error));
    }
  };
}
