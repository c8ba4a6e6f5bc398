import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Identity } from "../../../../shared/tokens/token-endpoint.ts";
import { createCookieSealer } from "../../../../shared/web/session/cookie-sealer.ts";
import { createSessions } from "../../../../shared/web/session/sessions.ts";
import { createSignIn, type SignInDeps } from "../../../../shared/web/session/sign-in.ts";

const TENANT = "0f8a1f6e-6b5c-4f0e-9a53-2d9b7c1e4a10";
const NOON = new Date("2026-11-23T12:00:00Z");
const ADMINISTRATOR: Identity = {
  tenantId: TENANT,
  objectId: "f1a2",
  userName: "ada@contoso.test",
  roles: ["Deskpost.Admin"],
};

const key = { id: "0".repeat(32), bytes: Buffer.alloc(32, 1) };
const sealer = createCookieSealer({ newest: async () => key, named: async (id) => (id === key.id ? key : undefined) });
const now = () => NOON;
const revoked = new Set<string>();
const revocations = {
  revoke: async (id: string) => !revoked.has(id) && revoked.add(id) !== undefined,
  isRevoked: async (id: string) => revoked.has(id),
};
const sessions = createSessions({ sealer, tenant: TENANT, revocations, now });
const silent = { info: () => {}, warn: () => {}, error: () => {} };

/** A sign-in at a Microsoft that answers with this identity. */
function signInOf(identity: Identity, changes: Partial<SignInDeps> = {}) {
  const endpoint: SignInDeps["endpoint"] = {
    tenantId: async () => TENANT,
    authorizationUrl: async ({ state }) => new URL(`https://login.test/authorize?state=${state}`),
    identify: async () => identity,
    idTokenUrl: async ({ state }) => new URL(`https://login.test/authorize?state=${state}&response_type=id_token`),
    identifyByIdToken: async () => identity,
    signOutUrl: async () => new URL("https://login.test/logout"),
  };
  const redirectUrl = "https://deskpost.test/api/finish-sign-in";
  return createSignIn({
    endpoint,
    sealer,
    sessions,
    revocations,
    tenant: TENANT,
    redirectUrl,
    log: silent,
    now,
    ...changes,
  });
}

async function resultOf(identity: Identity) {
  const signIn = signInOf(identity);
  const { location, cookie } = await signIn.start("/api/pages", false);
  const parameters = new URLSearchParams({ state: location.searchParams.get("state") ?? "", code: "a-code" });
  return signIn.finish({ parameters, cookie: (name) => (name === cookie.name ? cookie.value : undefined) });
}

describe("an administrator's sign-in", () => {
  it("lets in whom the tenant gave the role", async () => {
    const result = await resultOf(ADMINISTRATOR);
    assert.partialDeepStrictEqual(result, { kind: "signed-in", returnTo: "/api/pages" });
  });

  it("does not believe the role of another tenant, where anybody can give it to themselves", async () => {
    const result = await resultOf({ ...ADMINISTRATOR, tenantId: "7c2d9e44-1a3b-4c5d-8e6f-90a1b2c3d4e5" });
    assert.partialDeepStrictEqual(result, { kind: "refused", reason: "other-tenant" });
    assert.ok(result.cookies.every(({ value }) => value === ""));
  });

  it("names the setting that says whose administrators may come in, where it is missing", async () => {
    const signIn = signInOf(ADMINISTRATOR, { tenant: undefined });
    await assert.rejects(signIn.start("/api/pages", false), { code: "CONFIGURATION_INVALID", message: /ADMIN_TENANT/ });
  });
});

describe("a session", () => {
  it("ends where the administrators of another tenant may come in from now on", async () => {
    const { value } = await sessions.begin(ADMINISTRATOR);
    assert.equal((await sessions.read(value))?.userName, "ada@contoso.test");
    for (const tenant of ["fabrikam.test", undefined]) {
      assert.equal(await createSessions({ sealer, tenant, revocations, now }).read(value), undefined);
    }
  });
});
