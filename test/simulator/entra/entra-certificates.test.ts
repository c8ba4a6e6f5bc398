import assert from "node:assert/strict";
import { createPrivateKey, subtle } from "node:crypto";
import { after, before, describe, it } from "node:test";
import * as oauth from "openid-client";
import type { Entra } from "./entra.ts";
import { issueClientCertificate, readCertificate } from "./entra-certificates.ts";
import {
  clientId,
  contoso,
  discover,
  exampleApplication,
  fabrikam,
  obtainRefreshToken,
  refusal,
  startExampleEntra,
} from "./entra-example.ts";

type Changeable = Record<string, unknown>;
type Change = (header: Changeable, claims: Changeable) => void;

const HOUR_MS = 3_600_000;
const graphScope = { scope: "https://graph.microsoft.com/.default" };
const registered = await issueClientCertificate();
const thumbprint = readCertificate(registered.certificate).thumbprint;
const now = () => Math.floor(Date.now() / 1000);

async function signingKey(pem: string, algorithm: "RSA-PSS" | "RSASSA-PKCS1-v1_5" = "RSA-PSS") {
  const der = createPrivateKey(pem).export({ type: "pkcs8", format: "der" });
  return subtle.importKey("pkcs8", der, { name: algorithm, hash: "SHA-256" }, false, ["sign"]);
}

describe("Entra's certificates", () => {
  let entra: Entra;

  before(async () => {
    entra = await startExampleEntra({ applications: [{ ...exampleApplication, secrets: [] }] });
    entra.addCertificate(clientId, registered.certificate);
  });
  after(() => entra.server.stop());

  /** The client library with an assertion that is in order, but for the change. */
  async function client(change: Change = () => {}, key?: Awaited<ReturnType<typeof signingKey>>) {
    const jwt = oauth.PrivateKeyJwt(key ?? (await signingKey(registered.privateKey)), {
      [oauth.modifyAssertion](header, claims) {
        header["x5t#S256"] = thumbprint;
        claims.aud = `${entra.origin}/${contoso.id}/oauth2/v2.0/token`;
        change(header, claims);
      },
    });
    return discover(entra, jwt);
  }

  /** What Entra says to the assertion with this change. */
  async function assertRefused(code: number, change: Change, says = /./): Promise<void> {
    const config = await client(change);
    await assert.rejects(oauth.clientCredentialsGrant(config, graphScope), (error: oauth.ResponseBodyError) => {
      assert.match(error.error_description ?? "", says);
      return refusal(401, "invalid_client", code)(error);
    });
  }

  it("stand for a secret in every grant", async () => {
    const config = await client();
    await oauth.refreshTokenGrant(config, await obtainRefreshToken(config));
    await oauth.clientCredentialsGrant(config, graphScope);
  });

  it("are known by their SHA-256 thumbprint alone", async () => {
    const stranger = readCertificate((await issueClientCertificate()).certificate);
    const unknown: Change = (header) => {
      header["x5t#S256"] = stranger.thumbprint;
    };
    await assertRefused(
      700027,
      unknown,
      /is not registered on application.*The key was not found\., Thumbprint of key/,
    );
    await assertRefused(5002723, (header) => delete header["x5t#S256"], /No certificate SHA-1 thumbprint/);
  });

  it("have to have signed the assertion, by PS256", async () => {
    const forger = await signingKey((await issueClientCertificate()).privateKey);
    const forged = await client(undefined, forger);
    await assert.rejects(oauth.clientCredentialsGrant(forged, graphScope), refusal(401, "invalid_client", 700027));
    const older = await client(undefined, await signingKey(registered.privateKey, "RSASSA-PKCS1-v1_5"));
    await assert.rejects(oauth.clientCredentialsGrant(older, graphScope), refusal(401, "invalid_client", 5002738));
    // A header that only says PS256 helps nobody.
    const disguised = await client(
      (header) => {
        header.alg = "PS256";
      },
      await signingKey(registered.privateKey, "RSASSA-PKCS1-v1_5"),
    );
    await assert.rejects(oauth.clientCredentialsGrant(disguised, graphScope), refusal(401, "invalid_client", 700027));
  });

  it("end", async () => {
    const ended = await issueClientCertificate({
      notBefore: new Date(Date.now() - 2 * HOUR_MS),
      notAfter: new Date(Date.now() - HOUR_MS),
    });
    entra.addCertificate(clientId, ended.certificate);
    const config = await client(
      (header) => {
        header["x5t#S256"] = readCertificate(ended.certificate).thumbprint;
      },
      await signingKey(ended.privateKey),
    );
    await assert.rejects(oauth.clientCredentialsGrant(config, graphScope), (error: oauth.ResponseBodyError) => {
      const says =
        /is expired on application\. \[Reason - The key used is expired\..*Found key 'Start=\d\d\/\d\d\/\d{4} /;
      assert.match(error.error_description ?? "", says);
      return refusal(401, "invalid_client", 700027)(error);
    });
  });

  for (const [what, code, change] of [
    ["for the issuer, as the library makes it by itself", 700023, (_, claims) => (claims.aud = issuerOf())],
    ["for another tenant's endpoint", 700023, (_, claims) => (claims.aud = endpointOf(fabrikam.id))],
    ["for a tenant by the name of its domain", 700023, (_, claims) => (claims.aud = endpointOf(contoso.domain))],
    ["of another application", 700021, (_, claims) => (claims.iss = crypto.randomUUID())],
    ["without an issuer", 700021, (_, claims) => delete claims.iss],
    ["about somebody else", 50048, (_, claims) => (claims.sub = "somebody")],
    ["that has expired", 700024, (_, claims) => (claims.exp = now() - 1)],
    ["that never expires", 700024, (_, claims) => delete claims.exp],
    ["that does not count yet", 700024, (_, claims) => (claims.nbf = now() + 60)],
    ["without an id", 50012, (_, claims) => delete claims.jti],
  ] as [string, number, Change][]) {
    it(`make no assertion that is good ${what}`, () => assertRefused(code, change));
  }
  const issuerOf = () => entra.issuerOf(contoso.id);
  const endpointOf = (tenant: string) => `${entra.origin}/${tenant}/oauth2/v2.0/token`;

  it("make assertions that are good once", async () => {
    const jti = crypto.randomUUID();
    const once: Change = (_, claims) => {
      claims.jti = jti;
    };
    await oauth.clientCredentialsGrant(await client(once), graphScope);
    await assertRefused(50012, once);
  });

  it("do without the tenant's domain: Entra's metadata name the id, whatever it is asked by", async () => {
    const address = `${entra.origin}/${contoso.domain}/v2.0/.well-known/openid-configuration`;
    const metadata = (await (await fetch(address)).json()) as { token_endpoint: string };
    assert.equal(metadata.token_endpoint, endpointOf(contoso.id));
  });
});
