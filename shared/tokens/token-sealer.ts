import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import type { Secrets } from "../key-vault.ts";

const ALGORITHM = "aes-256-gcm";
const KEY_BYTES = 32;
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
  let newest: Promise<string> | undefined;

  function keep(version: string, value: string): void {
    keys.set(version, Buffer.from(value, "base64"));
  }

  async function readNewest(): Promise<string> {
    let found = await secrets.read(DATA_KEY_NAME);
    if (found === undefined) {
      await secrets.write(DATA_KEY_NAME, randomBytes(KEY_BYTES).toString("base64"), {
        contentType: "application/octet-stream; encoding=base64",
      });
      found = await secrets.read(DATA_KEY_NAME);
    }
    if (found === undefined) throw new Error(`Key Vault took the secret "${DATA_KEY_NAME}" but does not give it back`);
    keep(found.version, found.value);
    return found.version;
  }

  async function keyOf(version: string): Promise<Buffer | undefined> {
    if (!keys.has(version)) {
      const found = await secrets.read(DATA_KEY_NAME, version);
      if (found !== undefined) keep(version, found.value);
    }
    return keys.get(version);
  }

  return {
    async seal(mailboxId, plain) {
      newest ??= readNewest();
      newest.catch(() => {
        newest = undefined;
      });
      const version = await newest;
      const key = keys.get(version) as Buffer;
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(mailboxId));
      const body = Buffer.concat([cipher.update(plain, "utf8"), cipher.final()]);
      return `${version}.${Buffer.concat([nonce, cipher.getAuthTag(), body]).toString("base64url")}`;
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
