import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import { redact } from "../../../shared/telemetry/redact.ts";

const jwt = ["eyJ0eXAiOiJKV1Qi", randomBytes(60).toString("base64url"), randomBytes(32).toString("base64url")].join(
  ".",
);
const refreshToken = `1.A${randomBytes(300).toString("base64url")}`;
const opaque = randomBytes(32).toString("base64url");

describe("redact", () => {
  for (const [name, text, secret] of [
    ["an access token", `Graph refused ${jwt}`, jwt],
    ["a token whose signature is cut off", `token ${jwt.slice(0, -30)}`, jwt.slice(0, -30)],
    ["a bearer header", `authorization: Bearer ${opaque}`, opaque],
    ["a refresh token", `grant ${refreshToken} was revoked`, refreshToken],
    ["a code in a URL", `GET /api/finish-consent?code=${opaque}&state=x`, opaque],
    ["a function key in a URL", `GET /api/mailboxes?code=${opaque}`, opaque],
    ["a state", `/api/finish-consent?a=b&state=${opaque}`, opaque],
    ["a client secret in a form", `client_id=x&client_secret=${opaque}&grant_type=y`, opaque],
    ["an assertion in a form", `client_assertion=${opaque}&x=y`, opaque],
    ["a code verifier", `code_verifier=${opaque}`, opaque],
    ["a refresh token in JSON", `{"refresh_token":"${opaque}","scope":"x"}`, opaque],
    ["a refresh token in JSON with spaces", `{ "refresh_token" : "${opaque}" }`, opaque],
    ["a signature of a storage URL", `https://x.table.core.windows.net/Grants?sv=2020&sig=${opaque}`, opaque],
    ["the header with a function key", `x-functions-key: ${opaque}`, opaque],
    ["the account key of a connection string", `AccountName=contoso;AccountKey=${opaque}==;EndpointSuffix=x`, opaque],
    ["a webhook's signing secret", `whsec_${opaque} is not the secret`, opaque],
    ["a basic credential", `authorization: Basic ${opaque}`, opaque],
  ] as const) {
    it(`masks ${name}`, () => {
      const masked = redact(text);
      assert.ok(!masked.includes(secret), masked);
      assert.match(masked, /\[redacted\]/);
    });
  }

  it("masks each one of several", () => {
    const masked = redact(`${jwt} ${refreshToken} code=${opaque}; ${jwt}`);
    for (const secret of [jwt, refreshToken, opaque]) assert.ok(!masked.includes(secret));
  });

  for (const text of [
    "AADSTS50173: The provided grant has expired due to it being revoked, a fresh auth token is needed.",
    "Trace ID: 0f8a1f6e-6b5c-4f0e-9a53-2d9b7c1e4a10 Correlation ID: 7c2d9e44-1a3b-4c5d-8e6f-90a1b2c3d4e5",
    "connect ECONNREFUSED 127.0.0.1:7073",
    "https://graph.microsoft.com/v1.0/users/help@contoso.test/mailFolders/inbox/messages/delta",
    "No mailbox 9f2c41d07be3a865; next try at 2026-11-23T12:00:00.000Z",
    "refresh-token-9f2c41d07be3a865-0123456789abcdef",
    "AADSTS53000: Device is not in required device state: compliant.",
    'Key Vault: {"code": "Forbidden", "statusCode": 403}',
  ]) {
    it(`leaves what helps: ${text}`, () => {
      assert.equal(redact(text), text);
    });
  }
});
