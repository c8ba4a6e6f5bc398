import { randomBytes } from "node:crypto";
import type { Secrets } from "./key-vault-azure.ts";

const KEY_BYTES = 32;

/** A key of 32 bytes. */
export interface VaultKey {
  /** The version of the secret. */
  readonly id: string;
  readonly bytes: Buffer;
}

/** The newest version of a key in Key Vault, or the one named; `undefined` where the vault has none such. */
export async function readKey(secrets: Secrets, name: string, version?: string): Promise<VaultKey | undefined> {
  const found = await secrets.read(name, version);
  return found && { id: found.version, bytes: Buffer.from(found.value, "base64") };
}

/** The newest version of a key in Key Vault. Made where the vault has none. */
export async function readOrMakeKey(secrets: Secrets, name: string): Promise<VaultKey> {
  const found = await readKey(secrets, name);
  if (found !== undefined) return found;
  await secrets.write(name, randomBytes(KEY_BYTES).toString("base64"), {
    contentType: "application/octet-stream; encoding=base64",
  });
  // Another instance may have made one at the same moment: the vault says which is the newest.
  const made = await readKey(secrets, name);
  if (made === undefined) throw new Error(`Key Vault took the secret "${name}" but does not give it back`);
  return made;
}
