import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createSecrets } from "../../../shared/platform/key-vault-azure.ts";
import { createTables } from "../../../shared/platform/tables-azure.ts";
import { type KeyVault, startKeyVault } from "../../simulator/key-vault/key-vault.ts";
import { json } from "../../simulator/stand-in.ts";
import { trustedCertificate } from "../../simulator/tls.ts";

const credential = { getToken: async () => ({ token: "good", expiresOnTimestamp: Date.now() + 3_600_000 }) };
const sleep = async () => {};

describe("what storage and vault refuse", () => {
  let vault: KeyVault;

  before(async () => {
    const certificate = await trustedCertificate();
    const tenantId = "6d6f2c6a-0f5b-4f0c-8a57-3f1f6f0a7c11";
    vault = await startKeyVault({ port: 0, certificate, tenantId, acceptsToken: (token) => token === "good" });
  });
  after(() => vault.server.stop());

  it("names the role where the vault refuses the app", async () => {
    const refusal = { status: 403, body: '{"error":{"code":"Forbidden","message":"Caller is not authorized"}}' };
    vault.server.plan(() => true, { kind: "answer", answer: refusal });
    await assert.rejects(createSecrets({ vaultUrl: vault.origin, credential, sleep }).read("a"), {
      code: "KEY_VAULT_UNAVAILABLE",
      message: /Key Vault https:\/\/127\.0\.0\.1:\d+ refuses the app: .*"Key Vault Secrets Officer"/,
    });
  });

  for (const [cause, status, innerCode, remedy] of [
    ["the firewall", 403, "ForbiddenByFirewall", /firewall is the cause/],
    ["the private endpoint", 403, "ForbiddenByConnection", /private endpoint/],
    ["the role", 403, "ForbiddenByRbac", /"Key Vault Secrets Officer"/],
    ["a secret that is disabled", 403, "SecretDisabled", /secret data-key disabled: enable/],
    [
      "a secret that is deleted",
      409,
      "ObjectIsDeletedButRecoverable",
      /secret data-key as deleted.*recover it.*purge it/,
    ],
  ] as const) {
    it(`tells ${cause} by the innermost code (${innerCode})`, async () => {
      const error = { code: status === 409 ? "Conflict" : "Forbidden", message: "…", innererror: { code: innerCode } };
      vault.server.plan(() => true, { kind: "answer", answer: json(status, { error }) });
      const write = createSecrets({ vaultUrl: vault.origin, credential, sleep }).write("data-key", "a", {
        contentType: "text/plain",
      });
      const said = await write.then(String, ({ message }: Error) => message);
      vault.server.clearFaults();
      assert.match(said, remedy);
      if (innerCode !== "ForbiddenByRbac") assert.doesNotMatch(said, /Secrets Officer/);
    });
  }

  for (const name of ["refresh-token-1", "data-key", "session-key", "deskpost-check"]) {
    it(`says how to get ${name} back where somebody deleted it`, async () => {
      const secrets = createSecrets({ vaultUrl: vault.origin, credential, sleep });
      await secrets.write(name, "before", { contentType: "text/plain" });
      await secrets.remove(name);
      await assert.rejects(secrets.write(name, "after", { contentType: "text/plain" }), {
        code: "KEY_VAULT_UNAVAILABLE",
        message: new RegExp(`secret ${name} as deleted.*recover it`),
      });
    });
  }

  for (const [cause, code, remedy] of [
    ["the firewall", "AuthorizationFailure", /firewall or its private endpoint is the cause/],
    ["the role", "AuthorizationPermissionMismatch", /lacks the role "Storage Table Data Contributor"/],
    ["keys that are not allowed", "KeyBasedAuthenticationNotPermitted", /takes no keys/],
  ] as const) {
    it(`tells ${cause} by storage's code (${code})`, async () => {
      const error = { code, message: { lang: "en-US", value: "This request is not authorized." } };
      const answer = json(403, { "odata.error": error });
      vault.server.plan(() => true, { kind: "answer", answer });
      const tables = createTables({ storage: { tableServiceUri: `${vault.origin}/tables` }, credential });
      await assert.rejects(tables("Ledger"), { code: "STORAGE_UNAVAILABLE", message: remedy });
    });
  }

  it("names the managed identity where that gives no token", async () => {
    const noToken = async () => {
      throw Object.assign(new Error("no identity here"), { name: "CredentialUnavailableError" });
    };
    const secrets = createSecrets({ vaultUrl: vault.origin, credential: { getToken: noToken }, sleep });
    await assert.rejects(secrets.read("a"), { message: /MANAGED_IDENTITY_CLIENT_ID/ });
  });

  it("names the setting where the vault does not do what it is asked", async () => {
    vault.server.plan(({ method }) => method === "PUT", { kind: "answer", answer: { status: 400, body: "{}" } });
    const secrets = createSecrets({ vaultUrl: vault.origin, credential, sleep });
    await assert.rejects(secrets.write("a", "b", { contentType: "text/plain" }), { message: /setting KEY_VAULT_URL/ });
  });

  it("tries again where two write one secret at the same moment", async () => {
    vault.conflictNextWrites("busy", 2);
    const secrets = createSecrets({ vaultUrl: vault.origin, credential, sleep });
    const version = await secrets.write("busy", "value", { contentType: "text/plain" });
    assert.deepEqual(await secrets.read("busy"), { value: "value", version });
  });

  it("names setting and role where the tables do not open, and opens them once they do", async () => {
    const storage = { tableServiceUri: `${vault.origin}/tables` };
    const tables = createTables({ storage, credential });
    vault.server.plan(() => true, { kind: "answer", answer: { status: 403, body: "" } });
    await assert.rejects(tables("Ledger"), {
      code: "STORAGE_UNAVAILABLE",
      message: /The table Ledger .*AzureWebJobsStorage.*"Storage Table Data Contributor"/,
    });
    vault.server.plan(() => true, { kind: "answer", answer: { status: 201, body: "" } });
    await tables("Ledger");
  });
});
