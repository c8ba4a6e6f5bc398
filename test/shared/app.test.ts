import assert from "node:assert/strict";
import { env } from "node:process";
import { after, before, describe, it } from "node:test";
import { ManagedIdentityCredential } from "@azure/identity";
import { type App, createApp } from "../../shared/app.ts";
import { readConfig } from "../../shared/platform/config.ts";
import { createSecrets } from "../../shared/platform/key-vault-azure.ts";
import { createLog } from "../../shared/telemetry/log.ts";
import { issueClientCertificate } from "../simulator/entra/entra-certificates.ts";
import { type Simulator, startSimulator } from "../simulator/simulator.ts";

const DAY_MS = 24 * 3_600_000;

describe("the app, wired by its settings", () => {
  let simulator: Simulator;
  let app: App;
  const lines: string[] = [];

  before(async () => {
    simulator = await startSimulator({ ports: "free", desk: "uvdesk" });
    const { settings } = simulator;
    Object.assign(env, simulator.managedIdentity.settings);
    const config = readConfig({
      ...settings,
      ENTRA_CLIENT_AUTHENTICATION: "certificate",
      ENTRA_CERTIFICATE_NAME: "deskpost-certificate",
    });
    app = createApp({ config, log: createLog((_, line) => void lines.push(line)) });
  });
  after(() => simulator.stop());

  it("warns of the end of the certificate that the settings name", async () => {
    const notAfter = new Date(Math.floor(Date.now() / 1_000) * 1_000 + 10 * DAY_MS);
    const { privateKey, certificate } = await issueClientCertificate({ notAfter });
    const clientId = simulator.settings.MANAGED_IDENTITY_CLIENT_ID ?? "";
    const secrets = createSecrets({
      vaultUrl: simulator.keyVault.origin,
      credential: new ManagedIdentityCredential({ clientId }),
      sleep: async () => {},
    });
    await secrets.write("deskpost-certificate", privateKey + certificate, { contentType: "application/x-pem-file" });
    const { credentialEndsAt } = await app.renewGrants();
    assert.equal(credentialEndsAt?.toISOString(), notAfter.toISOString());
    assert.ok(lines.some((line) => line.includes('"credential ends soon"')));
  });
});
