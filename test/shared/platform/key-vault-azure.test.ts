import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createSecrets } from "../../../shared/platform/key-vault-azure.ts";
import { createTables } from "../../../shared/platform/tables-azure.ts";
import { type KeyVault, startKeyVault } from "../../simulator/key-vault/key-vault.ts";
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
