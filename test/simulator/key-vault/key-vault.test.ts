import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { SecretClient, type SecretProperties } from "@azure/keyvault-secrets";
import { type Clock, installClock } from "../clock.ts";
import { trustedCertificate } from "../tls.ts";
import { type KeyVault, startKeyVault } from "./key-vault.ts";

const tenantId = "0f8a1f6e-6b5c-4f0e-9a53-2d9b7c1e4a10";
const DAY_MS = 24 * 60 * 60_000;

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe("Key Vault", () => {
  let clock: Clock;
  let vault: KeyVault;
  let askedScopes: string[] = [];

  function createClient(token = "good"): SecretClient {
    const getToken = async (scopes: string | string[]) => {
      askedScopes = [scopes].flat();
      return { token, expiresOnTimestamp: Date.now() + 60 * 60_000 };
    };
    return new SecretClient(vault.origin, { getToken }, { disableChallengeResourceVerification: true });
  }

  before(async () => {
    clock = installClock();
    const certificate = await trustedCertificate();
    vault = await startKeyVault({ port: 0, certificate, tenantId, acceptsToken: (token) => token === "good" });
  });
  after(async () => {
    await vault.server.stop();
    clock.uninstall();
  });

  it("challenges a first request, which carries neither token nor secret", async () => {
    vault.server.requests.length = 0;
    await createClient().setSecret("challenged", "the value");
    const [first, second, ...more] = vault.server.requests;
    assert.equal(first?.headers.authorization, undefined);
    assert.equal(first?.body.byteLength, 0);
    assert.equal(second?.headers.authorization, "Bearer good");
    assert.deepEqual(askedScopes, ["https://vault.azure.net/.default"]);
    assert.equal(more.length, 0);
  });

  it("refuses a token that does not open it", async () => {
    await assert.rejects(createClient("bad").getSecret("challenged"), { statusCode: 401 });
  });

  it("keeps value, content type, tags and attributes", async () => {
    const client = createClient();
    const expiresOn = new Date(Math.floor(Date.now() / 1000) * 1000 + 90 * DAY_MS);
    const set = await client.setSecret("whole", "first", {
      contentType: "text/plain",
      tags: { schema: "1" },
      expiresOn,
    });
    const { value, properties } = await client.getSecret("WHOLE");
    assert.equal(value, "first");
    assert.equal(properties.name, "whole");
    assert.equal(properties.contentType, "text/plain");
    assert.deepEqual(properties.tags, { schema: "1" });
    assert.deepEqual(properties.expiresOn, expiresOn);
    assert.equal(properties.enabled, true);
    assert.equal(properties.recoverableDays, 90);
    assert.match(properties.version ?? "", /^[0-9a-f]{32}$/);
    assert.equal(properties.version, set.properties.version);
    assert.ok(Math.abs((properties.createdOn?.getTime() ?? 0) - Date.now()) < 5_000);
  });

  it("reads an expired secret like any other", async () => {
    const client = createClient();
    await client.setSecret("expired", "still here", { expiresOn: new Date(Date.now() + DAY_MS) });
    clock.advance(2 * DAY_MS);
    assert.equal((await client.getSecret("expired")).value, "still here");
  });

  it("adds a version with each set, and reads the newest unless told otherwise", async () => {
    const client = createClient();
    const first = await client.setSecret("versions", "one");
    await client.setSecret("versions", "two");
    assert.equal((await client.getSecret("versions")).value, "two");
    const { version = "" } = first.properties;
    assert.equal((await client.getSecret("versions", { version })).value, "one");
    const versions = vault.read("versions");
    assert.deepEqual(
      versions.map(({ value }) => value),
      ["one", "two"],
    );
    assert.equal(vault.writes("versions"), 2);
    await assert.rejects(client.getSecret("versions", { version: "0".repeat(32) }), {
      statusCode: 404,
      code: "SecretNotFound",
    });
  });

  it("does not know a secret that was never set", async () => {
    await assert.rejects(createClient().getSecret("nobody"), { statusCode: 404, code: "SecretNotFound" });
    assert.deepEqual(vault.read("nobody"), []);
    assert.equal(vault.writes("nobody"), 0);
  });

  it("does not read a disabled version, but enables it again", async () => {
    const client = createClient();
    const { version = "" } = (await client.setSecret("switched", "one")).properties;
    clock.advance(60_000);
    const disabled = await client.updateSecretProperties("switched", version, { enabled: false });
    assert.ok((disabled.updatedOn?.getTime() ?? 0) > (disabled.createdOn?.getTime() ?? 0));
    await assert.rejects(client.getSecret("switched"), {
      statusCode: 403,
      message: /Operation get is not allowed on a disabled secret/,
    });
    await client.updateSecretProperties("switched", version, { enabled: true });
    assert.equal((await client.getSecret("switched")).value, "one");
  });

  it("lists versions page by page, in no order of age and without values", async () => {
    const client = createClient();
    for (let n = 1; n <= 30; n++) await client.setSecret("many", String(n));
    vault.server.requests.length = 0;
    const listed: SecretProperties[] = await collect(client.listPropertiesOfSecretVersions("many"));
    assert.equal(listed.length, 30);
    assert.equal(new Set(listed.map(({ version }) => version)).size, 30);
    assert.equal(vault.server.requests.filter(({ headers }) => headers.authorization).length, 2);
    assert.deepEqual(
      listed.map(({ version }) => version),
      listed.map(({ version }) => version).toSorted(),
    );
    const names = (await collect(client.listPropertiesOfSecrets())).map(({ name }) => name);
    assert.equal(names.filter((name) => name === "many").length, 1);
  });

  it("keeps its limits", async () => {
    const client = createClient();
    await client.setSecret("large", "x".repeat(25 * 1024));
    const refused = { statusCode: 400, code: "BadParameter" };
    await assert.rejects(client.setSecret("large", "x".repeat(25 * 1024 + 1)), refused);
    await assert.rejects(client.setSecret("under_score", "x"), refused);
    await assert.rejects(client.setSecret("x".repeat(128), "x"), refused);
    await assert.rejects(client.setSecret("large", "x", { contentType: "x".repeat(256) }), refused);
    const tags = Object.fromEntries(Array.from({ length: 16 }, (_, n) => [`tag${n}`, "x"]));
    await assert.rejects(client.setSecret("large", "x", { tags }), refused);
  });

  it("keeps the name of a deleted secret taken until it is recovered or purged, and some seconds longer", async () => {
    const client = createClient();
    const conflict = (innerError: string) => ({ statusCode: 409, code: "Conflict", message: new RegExp(innerError) });
    await client.setSecret("gone", "one");
    const deleted = await (await client.beginDeleteSecret("gone")).pollUntilDone();
    assert.equal(deleted.properties.recoveryId, `${vault.origin}/deletedsecrets/gone`);
    await assert.rejects(client.getSecret("gone"), { statusCode: 404 });
    await assert.rejects(client.setSecret("gone", "two"), conflict("deleted but recoverable"));
    const listed = await collect(client.listDeletedSecrets());
    assert.deepEqual(
      listed.map(({ name }) => name),
      ["gone"],
    );

    await (await client.beginRecoverDeletedSecret("gone")).pollUntilDone();
    assert.equal((await client.getSecret("gone")).value, "one");
    await assert.rejects(client.setSecret("gone", "two"), conflict("currently being recovered"));
    clock.advance(5_000);
    await client.setSecret("gone", "two");

    await (await client.beginDeleteSecret("gone")).pollUntilDone();
    await client.purgeDeletedSecret("gone");
    await assert.rejects(client.getDeletedSecret("gone"), { statusCode: 404 });
    await assert.rejects(client.setSecret("gone", "three"), conflict("currently being deleted"));
    clock.advance(3_000);
    await client.setSecret("gone", "three");
    assert.equal(vault.read("gone").length, 1);
  });

  it("purges a deleted secret by itself after 90 days", async () => {
    const client = createClient();
    await client.setSecret("forgotten", "one");
    await (await client.beginDeleteSecret("forgotten")).pollUntilDone();
    clock.advance(89 * DAY_MS);
    await client.getDeletedSecret("forgotten");
    clock.advance(2 * DAY_MS);
    await assert.rejects(client.getDeletedSecret("forgotten"), { statusCode: 404 });
  });

  it("refuses a write that meets another one, which the real client does not repeat", async () => {
    const client = createClient();
    await client.setSecret("contended", "one");
    vault.conflictNextWrites("contended");
    await assert.rejects(client.setSecret("contended", "two"), { statusCode: 409, code: "Conflict" });
    await client.setSecret("contended", "two");
    assert.equal(vault.writes("contended"), 2);
  });
});
