import assert from "node:assert/strict";
import { env } from "node:process";
import { after, afterEach, before, describe, it } from "node:test";
import { ManagedIdentityCredential } from "@azure/identity";
import * as oauth from "openid-client";
import { type ManagedIdentity, startManagedIdentity } from "../key-vault/managed-identity.ts";
import type { Entra } from "./entra.ts";
import type { FederatedCredential } from "./entra-directory.ts";
import {
  clientId,
  contoso,
  discover,
  exampleApplication,
  obtainRefreshToken,
  refusal,
  startExampleEntra,
} from "./entra-example.ts";
import { type Claims, createSigner } from "./entra-signing.ts";

const exchangeAudience = "api://AzureADTokenExchange";
const graphScope = { scope: "https://graph.microsoft.com/.default" };

describe("Entra's client secrets", () => {
  let entra: Entra;
  before(async () => {
    entra = await startExampleEntra({ applications: [{ ...exampleApplication, roles: ["Mail.ReadWrite"] }] });
  });
  after(() => entra.server.stop());

  it("come in the form or with HTTP Basic", async () => {
    const inForm = await discover(entra);
    const inHeader = await discover(entra, oauth.ClientSecretBasic(exampleApplication.secrets[0]?.value));
    await oauth.clientCredentialsGrant(inForm, graphScope);
    await oauth.clientCredentialsGrant(inHeader, graphScope);
  });

  it("open an access token without a person, which has roles and no refresh token", async () => {
    const answer = await oauth.clientCredentialsGrant(await discover(entra), graphScope);
    const described = entra.describeAccessToken(answer.access_token);
    assert.deepEqual(described?.roles, ["Mail.ReadWrite"]);
    assert.deepEqual(described?.scopes, []);
    assert.equal(described?.audience, "https://graph.microsoft.com");
    assert.equal(answer.refresh_token, undefined);
  });

  it("need a scope that ends in /.default for that", async () => {
    const config = await discover(entra);
    await assert.rejects(
      oauth.clientCredentialsGrant(config, { scope: "Mail.Read" }),
      refusal(400, "invalid_scope", 1002012),
    );
  });

  it("are refused when they are wrong, missing, or expired", async () => {
    const wrong = await discover(entra, oauth.ClientSecretPost("wrong"));
    await assert.rejects(oauth.clientCredentialsGrant(wrong, graphScope), refusal(401, "invalid_client", 7000215));
    const none = await discover(entra, oauth.None());
    await assert.rejects(oauth.clientCredentialsGrant(none, graphScope), refusal(401, "invalid_client", 7000218));

    const config = await discover(entra);
    const refreshToken = await obtainRefreshToken(config);
    entra.expireSecrets(clientId);
    await assert.rejects(oauth.refreshTokenGrant(config, refreshToken), refusal(401, "invalid_client", 7000222));
    entra.addSecret(clientId, { value: "second" });
    await oauth.refreshTokenGrant(await discover(entra, oauth.ClientSecretPost("second")), refreshToken);
  });
});

describe("Entra's federated credentials", () => {
  const principalId = "e2f3a4b5-c6d7-4e8f-9a0b-1c2d3e4f5061";
  const identityClientId = "f0e1d2c3-b4a5-4968-8776-655443322110";
  const issuer = `https://login.microsoftonline.com/${contoso.id}/v2.0`;
  let identity: ManagedIdentity;
  let entra: Entra | undefined;

  // One identity for all tests: the real credential keeps its tokens for the whole process.
  before(async () => {
    identity = await startManagedIdentity({ port: 0, principalId, clientId: identityClientId, tenantId: contoso.id });
    Object.assign(env, identity.settings);
  });
  after(() => identity.server.stop());
  afterEach(() => entra?.server.stop());

  async function start(
    changes: Partial<FederatedCredential>,
    assertion: () => Promise<string> = assertionOfIdentity,
  ): Promise<oauth.Configuration> {
    const credential = { issuer, subject: principalId, audience: exchangeAudience, ...changes };
    const application = { ...exampleApplication, secrets: [], federatedCredentials: [credential] };
    entra = await startExampleEntra({ applications: [application] });
    entra.trustIssuer(identity);
    return discover(entra, withAssertion(assertion));
  }

  async function assertionOfIdentity(): Promise<string> {
    const credential = new ManagedIdentityCredential({ clientId: identityClientId });
    return (await credential.getToken(`${exchangeAudience}/.default`)).token;
  }

  it("take the token of the managed identity in place of a secret", async () => {
    const config = await start({});
    await oauth.refreshTokenGrant(config, await obtainRefreshToken(config));
    await oauth.clientCredentialsGrant(config, graphScope);
  });

  for (const [what, changes, code] of [
    ["issuer", { issuer: "https://login.microsoftonline.com/other/v2.0" }, 700211],
    ["audience", { audience: "api://azureadtokenexchange" }, 700212],
    ["subject", { subject: identityClientId }, 700213],
    ["case of the subject", { subject: principalId.toUpperCase() }, 7002138],
  ] as const) {
    it(`refuse another ${what}`, async () => {
      const config = await start(changes);
      await assert.rejects(oauth.clientCredentialsGrant(config, graphScope), refusal(401, "invalid_client", code));
    });
  }

  it("refuse a token that somebody else signed", async () => {
    const forger = await createSigner();
    const config = await start({}, async () => forger.sign({ ...validClaims(), jti: "forged" }));
    await assert.rejects(oauth.clientCredentialsGrant(config, graphScope), refusal(401, "invalid_client", 700027));
  });

  it("refuse a token that expired", async () => {
    const signer = await createSigner();
    const config = await start({ issuer: "https://other.test" }, async () =>
      signer.sign({ ...validClaims(), iss: "https://other.test", exp: Math.floor(Date.now() / 1000) - 1 }),
    );
    entra?.trustIssuer({ issuer: "https://other.test", publicKeys: [signer.publicKey] });
    await assert.rejects(oauth.clientCredentialsGrant(config, graphScope), refusal(401, "invalid_client", 700024));
  });

  it("refuse what is no token", async () => {
    const config = await start({}, async () => "no.jwt");
    await assert.rejects(oauth.clientCredentialsGrant(config, graphScope), refusal(400, "invalid_request", 50027));
  });

  it("refuse an application that has none", async () => {
    entra = await startExampleEntra();
    const config = await discover(entra, withAssertion(assertionOfIdentity));
    await assert.rejects(oauth.clientCredentialsGrant(config, graphScope), refusal(400, "invalid_request", 70021));
  });

  function validClaims(): Claims {
    const now = Math.floor(Date.now() / 1000);
    return { iss: issuer, sub: principalId, aud: exchangeAudience, nbf: now, exp: now + 600 };
  }
});

function withAssertion(assertion: () => Promise<string>): oauth.ClientAuth {
  return async (_server, client, body) => {
    body.set("client_id", client.client_id);
    body.set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    body.set("client_assertion", await assertion());
  };
}
