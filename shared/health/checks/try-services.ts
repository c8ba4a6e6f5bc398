import { randomUUID } from "node:crypto";
import { AppError } from "../../platform/errors.ts";
import type { Secrets } from "../../platform/key-vault-azure.ts";
import { storageRemedy, type Tables } from "../../platform/tables-azure.ts";
import type { OwnAddressAnswer } from "./app-checks.ts";

const PARTITION = "check";
const CHECK_SECRET = "deskpost-check";
const OWN_ADDRESS_TIMEOUT_MS = 7_000;

/**
 * Writes a row, reads it back and removes it.
 * @throws {AppError} STORAGE_UNAVAILABLE
 */
export async function tryStorage(tables: Tables): Promise<void> {
  const client = await tables("Mailboxes");
  const rowKey = randomUUID();
  try {
    await client.createEntity({ partitionKey: PARTITION, rowKey });
    await client.getEntity(PARTITION, rowKey);
    await client.deleteEntity(PARTITION, rowKey);
  } catch (error) {
    const words = `A row of the table Mailboxes cannot be written: ${storageRemedy(error, "table")}`;
    throw new AppError("STORAGE_UNAVAILABLE", words, { cause: error });
  }
}

/**
 * Writes to Key Vault and reads what is there. One secret, one version for good: each version more would be another one
 * in the vault's backups.
 */
export async function tryKeyVault(secrets: Pick<Secrets, "read" | "write" | "touch">, now: Date): Promise<Date> {
  const before = await secrets.read(CHECK_SECRET);
  if (before === undefined) await secrets.write(CHECK_SECRET, now.toISOString(), { contentType: "text/plain" });
  else await secrets.touch(CHECK_SECRET, before.version);
  const found = await secrets.read(CHECK_SECRET);
  if (found === undefined) throw new Error("Key Vault does not give back what was written");
  return new Date(found.value);
}

/** Asks for the app's own health at the address that browsers use. */
export async function askOwnAddress(origin: string): Promise<OwnAddressAnswer> {
  try {
    const signal = AbortSignal.timeout(OWN_ADDRESS_TIMEOUT_MS);
    const answer = await fetch(`${origin}/api/health`, { redirect: "manual", signal });
    const text = await answer.text();
    const isDeskpost = (answer.status === 200 || answer.status === 503) && /^\{"status":/.test(text);
    return { status: answer.status, isDeskpost };
  } catch {
    // Whatever keeps the app from itself: the check says how to find out more.
    return { status: undefined, isDeskpost: false };
  }
}
