import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createCookieSealer } from "../../../../shared/web/session/cookie-sealer.ts";

const key = { id: "0123456789abcdef".repeat(2), bytes: Buffer.alloc(32, 1) };
const sealer = createCookieSealer({ newest: async () => key, named: async (id) => (id === key.id ? key : undefined) });
const content = { userName: "ada@contoso.test" };

describe("what is sealed", () => {
  it("opens again, and shows nothing of its content", async () => {
    const sealed = await sealer.seal("session", content);
    assert.deepEqual(await sealer.open("session", sealed), content);
    assert.ok(!Buffer.from(sealed.split("*")[4] ?? "", "base64url").includes("ada"));
    assert.notEqual(await sealer.seal("session", content), sealed);
  });

  it("opens for no other purpose", async () => {
    assert.equal(await sealer.open("sign-in", await sealer.seal("session", content)), undefined);
  });

  it("names its key, and opens with no other", async () => {
    const sealed = await sealer.seal("session", content);
    assert.ok(sealed.startsWith(`Fe26.2*${key.id}*`));
    const other = createCookieSealer({
      newest: async () => key,
      named: async () => ({ ...key, bytes: Buffer.alloc(32, 2) }),
    });
    assert.equal(await other.open("session", sealed), undefined);
    const without = createCookieSealer({ newest: async () => key, named: async () => undefined });
    assert.equal(await without.open("session", sealed), undefined);
  });

  it("is never longer than a browser keeps", async () => {
    const sealed = await sealer.seal("session", { userName: "a".repeat(4_000) });
    assert.equal(await sealer.open("session", sealed), undefined);
  });
});
