import type { Secrets } from "../../platform/key-vault-azure.ts";
import { readKey, readOrMakeKey, type VaultKey } from "../../platform/vault-keys.ts";
import { errorFields, type Log } from "../../telemetry/log.ts";

const KEY_NAME = "session-key";
/** A new version seals, and a disabled one stops opening, at most this long after it was changed in the vault. */
export const KEY_CACHE_MS = 5 * 60_000;
/** Anybody can send a cookie that names a version which does not exist; the vault is asked for one of them at a time. */
const UNKNOWN_VERSION_INTERVAL_MS = 10_000;

/** The keys that seal cookies: versions of one secret in Key Vault. */
export interface CookieKeys {
  /** The one to seal with. Made where the vault has none. */
  newest(): Promise<VaultKey>;
  /** The one that a cookie names; `undefined` where the vault has it no more. */
  named(id: string): Promise<VaultKey | undefined>;
}

export interface CookieKeysDeps {
  readonly secrets: Secrets;
  readonly log: Log;
  readonly now: () => Date;
}

export function createCookieKeys({ secrets, log, now }: CookieKeysDeps): CookieKeys {
  const known = new Map<string, { readonly key: VaultKey; readonly readAt: number }>();
  let newest: { readonly key: VaultKey; readonly readAt: number } | undefined;
  let askedForUnknownAt = Number.NEGATIVE_INFINITY;

  const isFresh = (readAt: number) => Math.abs(now().getTime() - readAt) < KEY_CACHE_MS;

  /** What Key Vault says; while it is away, what it said last: the pages show what is wrong just then, too. */
  async function orAsBefore(before: VaultKey | undefined, ask: () => Promise<VaultKey | undefined>) {
    try {
      return await ask();
    } catch (error) {
      if (before === undefined) throw error;
      log.warn("request failed", errorFields(error));
      return before;
    }
  }

  function keep(key: VaultKey): { readonly key: VaultKey; readonly readAt: number } {
    const kept = { key, readAt: now().getTime() };
    known.set(key.id, kept);
    return kept;
  }

  return {
    async newest() {
      if (newest === undefined || !isFresh(newest.readAt)) {
        const key = await orAsBefore(newest?.key, () => readOrMakeKey(secrets, KEY_NAME));
        if (key !== undefined) newest = keep(key);
      }
      if (newest === undefined) throw new Error(`There is no secret "${KEY_NAME}" in Key Vault`);
      return newest.key;
    },

    async named(id) {
      const cached = known.get(id);
      if (cached !== undefined && isFresh(cached.readAt)) return cached.key;
      if (cached === undefined) {
        if (Math.abs(now().getTime() - askedForUnknownAt) < UNKNOWN_VERSION_INTERVAL_MS) return undefined;
        askedForUnknownAt = now().getTime();
      }
      const key = await orAsBefore(cached?.key, () => readKey(secrets, KEY_NAME, id));
      if (key === undefined) known.delete(id);
      else keep(key);
      return key;
    },
  };
}
