import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { Secrets } from "../platform/key-vault-azure.ts";
import { readKey, readOrMakeKey, type VaultKey } from "../platform/vault-keys.ts";

const ALGORITHM = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const DATA_KEY_NAME = "data-key";

/** Seals access tokens, so that a table row can hold them. */
export interface TokenSealer {
  /** @param mailboxId is bound to the text: sealed for one mailbox, it opens for no other */
  seal(mailboxId: string, plain: string): Promise<string>;
  /** `undefined` where it cannot be opened: another mailbox's, damaged, or sealed with a key that is gone. */
  open(mailboxId: string, sealed: string): Promise<string | undefined>;
}

/**
 * AES-256-GCM under a data key from Key Vault. The sealed text names the version of the key, so a new version can be
 * stored in the vault at any time: new tokens take it as soon as a process starts, old ones open with theirs.
 */
export function createTokenSealer(secrets: Secrets): TokenSealer {
  const keys = new Map<string, Buffer>();
  let newest: Promise<VaultKey> | undefined;

  async function readNewest(): Promise<VaultKey> {
    const key = await readOrMakeKey(secrets, DATA_KEY_NAME);
    keys.set(key.id, key.bytes);
    return key;
  }

  async function keyOf(version: string): Promise<Buffer | undefined> {
    const known = keys.get(version);
    if (known !== undefined) return known;
    const found = await readKey(secrets, DATA_KEY_NAME, version);
    if (found !== undefined) keys.set(version, found.bytes);
    return found?.bytes;
  }

  return {
    async seal(mailboxId, plain) {
      newest ??= readNewest();
      newest.catch(() => {
        newest = undefined;
      });
      const { id, bytes: key } = await newest;
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(mailboxId));
      const body = Buffer.concat([cipher.update(plain, "utf8"), cipher.final()]);
      return `${id}.${Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64url")}`;
    },

    async open(mailboxId, sealed) {
      const [version = "", text = ""] = sealed.split(".");
      const bytes = Buffer.from(text, "base64url");
      const key = version === "" ? undefined : await keyOf(version);
      if (key === undefined || bytes.byteLength < NONCE_BYTES + TAG_BYTES) return undefined;
      try {
        const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES))
          .setAAD(Buffer.from(mailboxId))
          .setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
        return decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES), undefined, "utf8") + decipher.final("utf8");
      } catch {
        // GCM says only "no". A sealed token is a cache: without it a new one is fetched.
        return undefined;
      }
    },
  };
}
