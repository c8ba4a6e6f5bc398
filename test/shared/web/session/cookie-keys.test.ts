import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { type CookieKeys, createCookieKeys, KEY_CACHE_MS } from "../../../../shared/web/session/cookie-keys.ts";

/** A vault with one secret, which can be away. */
function createVault() {
  const versions = new Map<string, string>();
  const vault = { isAway: false, reads: 0, versions };
  const check = () => {
    vault.reads += 1;
    if (vault.isAway) throw new Error("Key Vault is away");
  };
  return {
    vault,
    secrets: {
      read: async (_: string, version = [...versions.keys()].at(-1)) => {
        check();
        const value = version === undefined ? undefined : versions.get(version);
        return value === undefined || version === undefined ? undefined : { value, version };
      },
      write: async (_: string, value: string) => {
        check();
        const version = String(versions.size).padStart(32, "0");
        versions.set(version, value);
        return version;
      },
      touch: async () => {},
      disable: async () => {},
      remove: async () => {},
    },
  };
}

describe("the keys of cookies", () => {
  let ms: number;
  let keys: CookieKeys;
  let vault: ReturnType<typeof createVault>["vault"];
  beforeEach(() => {
    ms = Date.parse("2026-11-23T12:00:00Z");
    const made = createVault();
    vault = made.vault;
    const log = { info: () => {}, warn: () => {}, error: () => {} };
    keys = createCookieKeys({ secrets: made.secrets, log, now: () => new Date(ms) });
  });

  it("begin with one that is made, and are asked for once in a while", async () => {
    const { id, bytes } = await keys.newest();
    assert.equal(bytes.byteLength, 32);
    const { reads } = vault;
    assert.deepEqual(await keys.named(id), await keys.newest());
    assert.equal(vault.reads, reads);
    ms += KEY_CACHE_MS;
    await keys.newest();
    assert.equal(vault.reads, reads + 1);
  });

  it("serve on while Key Vault is away", async () => {
    const key = await keys.newest();
    vault.isAway = true;
    ms += KEY_CACHE_MS;
    assert.deepEqual(await keys.newest(), key);
    ms += KEY_CACHE_MS;
    assert.deepEqual(await keys.named(key.id), key);
  });

  it("are not invented while Key Vault is away from the start", async () => {
    vault.isAway = true;
    await assert.rejects(keys.newest(), /is away/);
    await assert.rejects(keys.named("f".repeat(32)), /is away/);
  });

  it("go when the vault has them no more", async () => {
    const { id } = await keys.newest();
    vault.versions.delete(id);
    ms += KEY_CACHE_MS;
    assert.equal(await keys.named(id), undefined);
  });
});
