import { hkdfSync } from "node:crypto";
import { defaults, type password, seal, unseal } from "iron-webcrypto";
import type { CookieKeys } from "./cookie-keys.ts";

/** What is sealed for one purpose opens for no other. */
type Purpose = "session" | "sign-in";

/** Browsers keep no cookie that is longer. */
const MOST_CHARACTERS = 4_096;

/** Seals what a browser keeps for us and must neither read nor change. */
export interface CookieSealer {
  seal(purpose: Purpose, content: object): Promise<string>;
  /** `undefined` where it cannot be opened: changed, sealed for something else, or with a key that is gone. */
  open(purpose: Purpose, sealed: string): Promise<unknown>;
}

/**
 * The iron format: AES-256-CBC, authenticated by HMAC-SHA-256, with the key's version in front, so that a new version
 * can be stored in the vault at any time. https://github.com/brc-dd/iron-webcrypto
 */
export function createCookieSealer(keys: CookieKeys): CookieSealer {
  return {
    async seal(purpose, content) {
      const { id, bytes } = await keys.newest();
      return seal(content, { id, ...derived(bytes, purpose) }, defaults);
    },

    async open(purpose, sealed) {
      const [, id = ""] = sealed.split("*");
      if (sealed.length > MOST_CHARACTERS || !/^[0-9a-f]{32}$/.test(id)) return undefined;
      const key = await keys.named(id);
      if (key === undefined) return undefined;
      try {
        return await unseal(sealed, { [id]: derived(key.bytes, purpose) }, defaults);
      } catch {
        // The library says "no" in many words; whoever sent the cookie needs none of them.
        return undefined;
      }
    },
  };
}

function derived(key: Buffer, purpose: Purpose): password.Specific {
  const part = (use: string) => new Uint8Array(hkdfSync("sha256", key, "", `deskpost ${purpose} ${use}`, 32));
  return { encryption: part("encryption"), integrity: part("integrity") };
}
