import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, beforeEach, describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { createSecrets, type Secrets } from "../../../shared/platform/key-vault-azure.ts";
import { createTokenSealer } from "../../../shared/tokens/token-sealer.ts";
import { type KeyVault, startKeyVault } from "../../simulator/key-vault/key-vault.ts";
import { type Certificate, trustedCertificate } from "../../simulator/tls.ts";

const MAILBOX = "9f2c41d07be3a865";
const TOKEN = "an access token, with ümlauts";
const DATA_KEY = { contentType: "application/octet-stream; encoding=base64" };

let certificate: Certificate;
let vault: KeyVault;
let secrets: Secrets;

before(async () => {
  certificate = await trustedCertificate();
});
// A vault without a data key for each test.
beforeEach(async () => {
  await vault?.server.stop();
  vault = await startKeyVault({ port: 0, certificate, tenantId: "tenant", acceptsToken: () => true });
  const getToken = async () => ({ token: "good", expiresOnTimestamp: Date.now() + 3_600_000 });
  secrets = createSecrets({
    vaultUrl: vault.origin,
    credential: { getToken },
    sleep: async (ms) => void (await setTimeout(ms / 50)),
  });
});
after(() => vault.server.stop());

describe("a sealed token", () => {
  it("is opened by another process, and does not show the token", async () => {
    const sealed = await createTokenSealer(secrets).seal(MAILBOX, TOKEN);
    assert.ok(!Buffer.from(sealed.split(".")[1] ?? "", "base64url").includes("access"));
    assert.equal(await createTokenSealer(secrets).open(MAILBOX, sealed), TOKEN);
  });

  it("looks different each time", async () => {
    const sealer = createTokenSealer(secrets);
    assert.notEqual(await sealer.seal(MAILBOX, TOKEN), await sealer.seal(MAILBOX, TOKEN));
  });

  it("opens for its own mailbox only", async () => {
    const sealer = createTokenSealer(secrets);
    const sealed = await sealer.seal(MAILBOX, TOKEN);
    assert.equal(await sealer.open("0000000000000000", sealed), undefined);
  });

  it("does not open when one bit of it was changed, wherever", async () => {
    const sealer = createTokenSealer(secrets);
    const [version, text = ""] = (await sealer.seal(MAILBOX, TOKEN)).split(".");
    const bytes = Buffer.from(text, "base64url");
    for (let index = 0; index < bytes.byteLength; index += 1) {
      const damaged = Buffer.from(bytes);
      damaged.writeUInt8(damaged.readUInt8(index) ^ 1, index);
      assert.equal(await sealer.open(MAILBOX, `${version}.${damaged.toString("base64url")}`), undefined);
    }
  });

  it("does not open when it is cut, empty or something else", async () => {
    const sealer = createTokenSealer(secrets);
    const sealed = await sealer.seal(MAILBOX, TOKEN);
    for (const text of ["", ".", "x", sealed.slice(0, 50), "0".repeat(32), `${"0".repeat(32)}.AAAA`]) {
      assert.equal(await sealer.open(MAILBOX, text), undefined, text);
    }
  });

  it("opens with its own version of the key after the key was replaced; new tokens take the new one", async () => {
    const earlier = await createTokenSealer(secrets).seal(MAILBOX, TOKEN);
    const version = await secrets.write("data-key", randomBytes(32).toString("base64"), DATA_KEY);
    const sealer = createTokenSealer(secrets);
    const later = await sealer.seal(MAILBOX, TOKEN);
    assert.equal(later.split(".")[0], version);
    assert.equal(await sealer.open(MAILBOX, earlier), TOKEN);
    assert.equal(await sealer.open(MAILBOX, later), TOKEN);
  });

  it("is worth nothing once its key is gone from the vault", async () => {
    const sealed = await createTokenSealer(secrets).seal(MAILBOX, TOKEN);
    await secrets.remove("data-key");
    assert.equal(await createTokenSealer(secrets).open(MAILBOX, sealed), undefined);
  });

  it("is worth nothing once its version of the key was disabled in the vault", async () => {
    const sealed = await createTokenSealer(secrets).seal(MAILBOX, TOKEN);
    const disabled = await fetch(`${vault.origin}/secrets/data-key/${sealed.split(".")[0]}?api-version=7.6`, {
      method: "PATCH",
      headers: { authorization: "Bearer good", "content-type": "application/json" },
      body: JSON.stringify({ attributes: { enabled: false } }),
    });
    assert.equal(disabled.status, 200);
    assert.equal(await createTokenSealer(secrets).open(MAILBOX, sealed), undefined);
  });
});

describe("the data key", () => {
  it("is made once, with 256 bits, and read once per process", async () => {
    const sealer = createTokenSealer(secrets);
    await Promise.all([sealer.seal(MAILBOX, TOKEN), sealer.seal(MAILBOX, TOKEN), sealer.seal(MAILBOX, TOKEN)]);
    assert.equal(vault.writes("data-key"), 1);
    assert.equal(Buffer.from(vault.read("data-key")[0]?.value ?? "", "base64").byteLength, 32);
    const requests = vault.server.requests.length;
    await sealer.open(MAILBOX, await sealer.seal(MAILBOX, TOKEN));
    assert.equal(vault.server.requests.length, requests);
  });

  it("made by two processes at the same moment serves both", async () => {
    const [first, second] = [createTokenSealer(secrets), createTokenSealer(secrets)];
    const [one, two] = await Promise.all([first.seal(MAILBOX, TOKEN), second.seal(MAILBOX, TOKEN)]);
    assert.equal(await first.open(MAILBOX, two), TOKEN);
    assert.equal(await second.open(MAILBOX, one), TOKEN);
  });

  it("that could not be read is asked for again", async () => {
    let fail = true;
    const sealer = createTokenSealer({
      ...secrets,
      read: (...args) => (fail ? Promise.reject(new Error("the vault is away")) : secrets.read(...args)),
    });
    await assert.rejects(sealer.seal(MAILBOX, TOKEN), /the vault is away/);
    fail = false;
    assert.equal(await sealer.open(MAILBOX, await sealer.seal(MAILBOX, TOKEN)), TOKEN);
  });
});
