import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type * as oauth from "openid-client";
import type { Entra } from "./entra.ts";
import {
  authorizationUrl,
  clientId,
  contoso,
  discover,
  help,
  redeem,
  signInForCode,
  startExampleEntra,
} from "./entra-example.ts";
import { signIn } from "./entra-person.ts";

describe("Entra, for those who only sign in", () => {
  let entra: Entra;
  let config: oauth.Configuration;
  before(async () => {
    entra = await startExampleEntra();
    config = await discover(entra);
  });
  after(() => entra.server.stop());

  it("names a person's app roles in the id token, and leaves the claim out where there is none", async () => {
    assert.equal((await redeem(config, await signInForCode(config))).claims()?.roles, undefined);
    entra.assignRoles(clientId, help.oid, ["Deskpost.Admin"]);
    assert.deepEqual((await redeem(config, await signInForCode(config))).claims()?.roles, ["Deskpost.Admin"]);
  });

  it("gives no refresh token to a sign-in that did not ask for one, whatever was consented to before", async () => {
    await signInForCode(config);
    const url = await authorizationUrl(config, { scope: "openid profile" });
    const answer = await redeem(config, await signIn(url, { oid: help.oid }));
    assert.ok(answer.id_token);
    assert.equal(answer.refresh_token, undefined);
  });

  it("does not ask a browser again that is signed in, unless a choice is asked for; until it signs out", async () => {
    const url = await authorizationUrl(config);
    const page = await (await fetch(url)).text();
    const ctx = /name="ctx" value="([^"]+)"/.exec(page)?.[1] ?? "";
    const body = new URLSearchParams({ ctx, account: help.oid });
    const login = await fetch(`${entra.origin}/${contoso.id}/login`, { method: "POST", body, redirect: "manual" });
    const cookie = login.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    const again = (changes = {}) =>
      authorizationUrl(config, changes).then((to) => fetch(to, { headers: { cookie }, redirect: "manual" }));
    assert.equal((await again()).status, 302);
    assert.match(await (await again({ prompt: "select_account" })).text(), /Pick an account/);
    const out = await fetch(`${entra.origin}/${contoso.id}/oauth2/v2.0/logout`, { headers: { cookie } });
    assert.match(await out.text(), /You signed out/);
    assert.match(out.headers.getSetCookie()[0] ?? "", /^ESTSAUTH=; path=\/; max-age=0/);
  });

  it("asks nobody for what an administrator approved for everybody", async () => {
    entra.revoke(help.oid);
    const scope = "openid profile offline_access https://graph.microsoft.com/Mail.Read";
    const redirect = "https://deskpost.test/api/finish-consent";
    const query = new URLSearchParams({ client_id: clientId, scope, redirect_uri: redirect, state: "approval" });
    const { url } = await signIn(`${entra.origin}/${contoso.id}/v2.0/adminconsent?${query}`, { oid: help.oid });
    assert.match(url, /admin_consent=True/);
    entra.requireAdminApproval(true);
    const answer = await signIn(await authorizationUrl(config, { scope }), { oid: help.oid });
    assert.ok(answer.fields.has("code"));
  });
});
