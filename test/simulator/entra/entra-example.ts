import assert from "node:assert/strict";
import * as oauth from "openid-client";
import { type Entra, type EntraOptions, startEntra } from "./entra.ts";
import { type Callback, type PersonOptions, signIn } from "./entra-person.ts";

/** An Entra as the tests of it need one: two tenants, one application, a few people. */
export const contoso = { id: "0f8a1f6e-6b5c-4f0e-9a53-2d9b7c1e4a10", domain: "contoso.test" };
export const fabrikam = { id: "7c2d9e44-1a3b-4c5d-8e6f-90a1b2c3d4e5", domain: "fabrikam.test" };

export const help = {
  oid: "5b0e3c1a-93f4-4a5d-8f0b-6a1c2d3e4f50",
  tenantId: contoso.id,
  userName: "help@contoso.test",
  name: "Help",
};
export const stranger = {
  oid: "c4d5e6f7-0819-4a2b-9c3d-4e5f60718293",
  tenantId: fabrikam.id,
  userName: "sam@fabrikam.test",
  name: "Sam <b>",
};

export const clientId = "1d2c3b4a-5f6e-4789-90ab-cdef01234567";
export const secret = "first~secret+of/the=application";
export const redirectUri = "https://deskpost.test/api/finish-consent";
export const scope = "openid profile offline_access https://graph.microsoft.com/Mail.ReadWrite";

export const exampleApplication = {
  clientId,
  homeTenantId: contoso.id,
  secrets: [{ value: secret }],
  redirectUris: [redirectUri, "http://localhost/api/finish-consent"],
};

export function startExampleEntra(changes: Partial<EntraOptions> = {}): Promise<Entra> {
  return startEntra({
    port: 0,
    tenants: [contoso, fabrikam],
    applications: [exampleApplication],
    accounts: [help, stranger],
    ...changes,
  });
}

/** The real client library, pointed at the stand-in. */
export function discover(
  entra: Entra,
  clientAuth: oauth.ClientAuth = oauth.ClientSecretPost(secret),
): Promise<oauth.Configuration> {
  const issuer = new URL(entra.issuerOf(contoso.id));
  return oauth.discovery(issuer, clientId, undefined, clientAuth, { execute: [oauth.allowInsecureRequests] });
}

export const verifier = oauth.randomPKCECodeVerifier();
export const state = "the-state";
export const nonce = "the-nonce";

/** The URL of a valid authorization request; a parameter that becomes `undefined` is left out. */
export async function authorizationUrl(
  config: oauth.Configuration,
  changes: Readonly<Record<string, string | undefined>> = {},
): Promise<URL> {
  const valid = {
    redirect_uri: redirectUri,
    scope,
    state,
    nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
  };
  const url = oauth.buildAuthorizationUrl(config, valid);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  return url;
}

/** A code as it comes back to the application. */
export async function signInForCode(
  config: oauth.Configuration,
  person: PersonOptions = { oid: help.oid },
): Promise<Callback> {
  const callback = await signIn(await authorizationUrl(config), person);
  assert.ok(callback.fields.has("code"), String(callback.fields));
  return callback;
}

export function redeem(
  config: oauth.Configuration,
  callback: Callback,
): ReturnType<typeof oauth.authorizationCodeGrant> {
  return oauth.authorizationCodeGrant(config, new URL(callback.url), {
    pkceCodeVerifier: verifier,
    expectedState: state,
    expectedNonce: nonce,
  });
}

/** A refresh token, fresh from a sign-in. */
export async function obtainRefreshToken(config: oauth.Configuration): Promise<string> {
  const { refresh_token } = await redeem(config, await signInForCode(config));
  assert.ok(refresh_token);
  return refresh_token;
}

/** What the client library throws for an AADSTS error with a JSON body. */
export function refusal(status: number, error: string, code: number, suberror?: string): (thrown: unknown) => true {
  return (thrown) => {
    assert.ok(thrown instanceof oauth.ResponseBodyError, String(thrown));
    assert.equal(thrown.status, status);
    assert.equal(thrown.error, error);
    assert.deepEqual(thrown.cause.error_codes, [code]);
    assert.equal(thrown.cause.suberror, suberror);
    assert.match(
      thrown.error_description ?? "",
      new RegExp(
        `^AADSTS${code}: .+ Trace ID: [0-9a-f-]{36} Correlation ID: [0-9a-f-]{36} Timestamp: \\d{4}-\\d\\d-\\d\\d [\\d:]{8}Z$`,
      ),
    );
    return true;
  };
}
