import assert from "node:assert/strict";
import { env } from "node:process";
import { after, before, describe, it } from "node:test";
import { DefaultAzureCredential, ManagedIdentityCredential } from "@azure/identity";
import { type Clock, installClock } from "../clock.ts";
import { readJwt } from "../entra/entra-signing.ts";
import { type ManagedIdentity, startManagedIdentity } from "./managed-identity.ts";

const principalId = "e2f3a4b5-c6d7-4e8f-9a0b-1c2d3e4f5061";
const clientId = "f0e1d2c3-b4a5-4968-8776-655443322110";
const tenantId = "0f8a1f6e-6b5c-4f0e-9a53-2d9b7c1e4a10";
const vaultScope = "https://vault.azure.net/.default";
const HOUR_MS = 60 * 60_000;

describe("the managed identity", () => {
  let clock: Clock;
  let identity: ManagedIdentity;
  before(async () => {
    clock = installClock();
    identity = await startManagedIdentity({ port: 0, principalId, clientId, tenantId });
    Object.assign(env, identity.settings);
  });
  after(async () => {
    await identity.server.stop();
    clock.uninstall();
  });

  it("gives the real credential a token for Key Vault", async () => {
    const { token, expiresOnTimestamp } = await new ManagedIdentityCredential({ clientId }).getToken(vaultScope);
    assert.ok(identity.verify(token, "https://vault.azure.net"));
    assert.ok(!identity.verify(token, "https://graph.microsoft.com"));
    assert.ok(!identity.verify(`${token}x`, "https://vault.azure.net"));
    assert.ok(Math.abs(expiresOnTimestamp - Date.now() - 24 * HOUR_MS) < 5_000);
  });

  it("gives a token that can stand for a client secret, issued to its object id", async () => {
    const credential = new DefaultAzureCredential({ managedIdentityClientId: clientId });
    const { token } = await credential.getToken("api://AzureADTokenExchange/.default");
    const claims = readJwt(token)?.claims;
    assert.equal(claims?.aud, "api://AzureADTokenExchange");
    assert.equal(claims?.sub, principalId);
    assert.equal(claims?.iss, `https://login.microsoftonline.com/${tenantId}/v2.0`);
  });

  it("hands out the same token for hours, then a new one, and the old one ends after a day", async () => {
    const credential = new ManagedIdentityCredential({ clientId });
    const first = await credential.getToken(vaultScope);
    const askDirectly = async () => {
      const url = `${identity.settings.IDENTITY_ENDPOINT}?api-version=2019-08-01&resource=https://vault.azure.net&client_id=${clientId}`;
      const headers = { "X-IDENTITY-HEADER": identity.settings.IDENTITY_HEADER };
      return (await (await fetch(url, { headers })).json()) as Record<string, string>;
    };
    clock.advance(6 * HOUR_MS);
    const again = await askDirectly();
    assert.equal(again.access_token, first.token);
    assert.equal(again.expires_on, String(first.expiresOnTimestamp / 1000));
    clock.advance(17 * HOUR_MS);
    assert.ok(identity.verify(first.token, "https://vault.azure.net"));
    assert.notEqual((await askDirectly()).access_token, first.token);
    clock.advance(2 * HOUR_MS);
    assert.ok(!identity.verify(first.token, "https://vault.azure.net"));
    const later = await credential.getToken(vaultScope);
    assert.ok(identity.verify(later.token, "https://vault.azure.net"));
  });

  it("refuses whoever does not know the header", async () => {
    const response = await fetch(`${identity.settings.IDENTITY_ENDPOINT}?resource=x&api-version=2019-08-01`);
    assert.equal(response.status, 401);
  });

  it("does not know another identity, nor a system-assigned one", async () => {
    const other = new ManagedIdentityCredential({ clientId: principalId, retryOptions: { maxRetries: 0 } });
    await assert.rejects(other.getToken(vaultScope), /No User Assigned or Delegated Managed Identity found/);
    const system = new ManagedIdentityCredential({ retryOptions: { maxRetries: 0 } });
    await assert.rejects(system.getToken(vaultScope), /Unable to load the proper Managed Identity/);
  });
});
