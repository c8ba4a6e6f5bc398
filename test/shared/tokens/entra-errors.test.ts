import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { classify, EntraError, type RefusalClass, remedyFor } from "../../../shared/tokens/entra-errors.ts";

const revoked = { status: 400, error: "invalid_grant", suberror: undefined, codes: [50173] };

describe("what Entra refuses with", () => {
  const cases: readonly (readonly [RefusalClass, string, Partial<typeof revoked> | object])[] = [
    ["owner", "a revoked grant", {}],
    ["owner", "a refresh token idle for 90 days", { codes: [700082] }],
    ["owner", "a second factor that is missing", { error: "interaction_required", codes: [50076] }],
    ["owner", "consent that was withdrawn", { codes: [65001], suberror: "consent_required" }],
    [
      "owner",
      "consent that is missing, under a number that nobody knows",
      { codes: [1], suberror: "consent_required" },
    ],
    ["owner", "invalid_grant with a number that nobody knows", { codes: [987654] }],
    ["owner", "invalid_grant without a number", { codes: [] }],
    ["owner", "login_required", { error: "login_required", codes: [] }],
    ["tenant-admin", "conditional access", { codes: [53003] }],
    ["tenant-admin", "a disabled account", { codes: [50057] }],
    ["tenant-admin", "an application that is disabled there", { error: "unauthorized_client", codes: [7000112] }],
    ["app", "an expired client secret", { status: 401, error: "invalid_client", codes: [7000222] }],
    ["app", "a federated credential that does not match, with 400", { error: "invalid_request", codes: [70021] }],
    ["app", "a malformed request dressed as invalid_grant", { codes: [9002313] }],
    ["app", "invalid_client without a number", { status: 401, error: "invalid_client", codes: [] }],
    ["passing", "AADSTS50196, a throttle dressed as invalid_grant", { codes: [50196] }],
    ["passing", "a throttle", { status: 429, error: undefined, codes: [] }],
    ["passing", "a throttle with a number of the owner's", { status: 429 }],
    ["passing", "an outage, whatever its body says", { status: 503 }],
    ["passing", "no answer at all", { status: undefined, error: undefined, codes: [] }],
    ["passing", "a word that nobody knows", { error: "brand_new_error", codes: [] }],
    ["passing", "nothing but a status", { error: undefined, codes: [] }],
  ];
  for (const [expected, name, change] of cases) {
    it(`is ${expected}: ${name}`, () => {
      assert.equal(classify({ ...revoked, ...change }), expected);
    });
  }

  it("is decided by the first number that is known", () => {
    assert.equal(classify({ ...revoked, codes: [987654, 53003, 50173] }), "tenant-admin");
  });
});

describe("an EntraError", () => {
  it("has a code by which logs and alerts tell who must act", () => {
    const codeFor = (codes: number[]) => new EntraError("refused", { ...revoked, codes }).code;
    assert.equal(codeFor([50173]), "CONSENT_REQUIRED");
    assert.equal(codeFor([53003]), "ADMIN_REQUIRED");
    assert.equal(codeFor([7000222]), "APP_MISCONFIGURED");
    assert.equal(codeFor([50196]), "ENTRA_UNAVAILABLE");
  });

  it("has words for a page that name the number and who must act, and nothing of Entra's own text", () => {
    const error = new EntraError("AADSTS53003 for sam@contoso.test", { ...revoked, codes: [53003] });
    assert.equal(
      remedyFor(error),
      "The mailbox's organisation blocks the sign-in (AADSTS53003). Its Microsoft 365 administrator must allow it; the sign-in log there names the policy.",
    );
    const silent = { status: undefined, error: undefined, suberror: undefined, codes: [] };
    assert.match(remedyFor(new EntraError("cut", silent)), /\(no answer\)\. Deskpost tries again by itself\.$/);
  });
});
