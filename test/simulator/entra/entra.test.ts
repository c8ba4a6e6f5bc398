import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import * as oauth from "openid-client";
import { type Clock, installClock } from "../clock.ts";
import type { Entra } from "./entra.ts";
import {
  authorizationUrl,
  clientId,
  contoso,
  discover,
  exampleApplication,
  help,
  nonce,
  redeem,
  redirectUri,
  refusal,
  signInForCode,
  startExampleEntra,
  state,
  stranger,
  verifier,
} from "./entra-example.ts";
import { StoppedAtPageError, signIn } from "./entra-person.ts";

const person = { oid: help.oid };

function stopsAt(code: number): (thrown: unknown) => true {
  return (thrown) => {
    assert.ok(thrown instanceof StoppedAtPageError, String(thrown));
    assert.match(thrown.page, new RegExp(`AADSTS${code}: `));
    return true;
  };
}

describe("Entra's discovery", () => {
  let entra: Entra;
  before(async () => {
    entra = await startExampleEntra();
  });
  after(() => entra.server.stop());

  const metadata = async (segment: string) => {
    const response = await fetch(`${entra.origin}/${segment}/v2.0/.well-known/openid-configuration`);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };

  it("satisfies the real client and says nothing of PKCE", async () => {
    const config = await discover(entra);
    assert.equal(config.serverMetadata().issuer, entra.issuerOf(contoso.id));
    assert.equal(config.serverMetadata().supportsPKCE(), false);
  });

  it("answers a domain with the issuer of the tenant's id", async () => {
    assert.equal((await metadata("Contoso.test")).body.issuer, entra.issuerOf(contoso.id));
  });

  it("answers organizations with a placeholder for the tenant", async () => {
    assert.equal((await metadata("organizations")).body.issuer, entra.issuerOf("{tenantid}"));
  });

  it("does not know other tenants", async () => {
    const { status, body } = await metadata("nobody.test");
    assert.equal(status, 400);
    assert.deepEqual(body.error_codes, [90002]);
  });

  it("publishes the keys with which id tokens are signed", async () => {
    const config = await discover(entra);
    oauth.enableNonRepudiationChecks(config);
    const tokens = await redeem(config, await signInForCode(config));
    assert.equal(tokens.claims()?.oid, help.oid);
  });
});

describe("Entra's sign-in", () => {
  let clock: Clock;
  let entra: Entra;
  let config: oauth.Configuration;
  before(async () => {
    clock = installClock();
    entra = await startExampleEntra({ random: () => 0.5 });
    config = await discover(entra);
  });
  after(async () => {
    await entra.server.stop();
    clock.uninstall();
  });

  it("leads through account and consent to a code, and the code to tokens", async () => {
    const callback = await signInForCode(config);
    assert.equal(callback.method, "GET");
    assert.equal(callback.fields.get("state"), state);
    assert.ok(callback.fields.has("session_state"));

    const tokens = await redeem(config, callback);
    assert.equal(tokens.expires_in, 75 * 60);
    assert.equal(tokens.ext_expires_in, 75 * 60);
    assert.equal(tokens.refresh_in, undefined);
    assert.equal(tokens.scope, "openid profile https://graph.microsoft.com/Mail.ReadWrite");
    assert.ok(tokens.refresh_token);
    const claims = tokens.claims();
    assert.equal(claims?.tid, contoso.id);
    assert.equal(claims?.preferred_username, help.userName);
    assert.equal(claims?.nonce, nonce);

    const described = entra.describeAccessToken(tokens.access_token);
    assert.ok(described);
    assert.equal(described.oid, help.oid);
    assert.equal(described.clientId, clientId);
    assert.equal(described.audience, "https://graph.microsoft.com");
    assert.deepEqual(described.scopes, ["openid", "profile", "Mail.ReadWrite"]);
    assert.ok(Math.abs(described.expiresAt.getTime() - Date.now() - 75 * 60_000) < 2_000);
  });

  it("tells nothing about a forged access token", async () => {
    const other = await startExampleEntra();
    const otherConfig = await discover(other);
    const { access_token } = await redeem(otherConfig, await signInForCode(otherConfig));
    await other.server.stop();
    assert.equal(entra.describeAccessToken(access_token), undefined);
    assert.equal(entra.describeAccessToken("not a token"), undefined);
  });

  it("posts the answer to the application with response_mode=form_post", async () => {
    const callback = await signIn(await authorizationUrl(config, { response_mode: "form_post" }), person);
    assert.equal(callback.method, "POST");
    assert.equal(callback.url, redirectUri);
    const request = new Request(callback.url, { method: "POST", body: callback.fields });
    const tokens = await oauth.authorizationCodeGrant(config, request, {
      pkceCodeVerifier: verifier,
      expectedState: state,
      expectedNonce: nonce,
    });
    assert.ok(tokens.access_token);
  });

  it("asks for consent once, lists what is asked in Microsoft's words, and asks again with prompt=consent", async () => {
    await signInForCode(config);
    const click = async (changes: Record<string, string>) => {
      const accounts = await (await fetch(await authorizationUrl(config, changes))).text();
      assert.match(accounts, /Pick an account/);
      assert.match(accounts, /Simulated Microsoft sign-in/);
      assert.match(accounts, /Sam &lt;b&gt;/);
      const ctx = /name="ctx" value="([^"]+)"/.exec(accounts)?.[1] ?? "";
      const body = new URLSearchParams({ ctx, account: help.oid });
      return fetch(`${entra.origin}/${contoso.id}/login`, { method: "POST", body, redirect: "manual" });
    };
    assert.equal((await click({})).status, 302);
    const page = await (await click({ prompt: "consent" })).text();
    assert.match(page, /Permissions requested/);
    assert.match(page, /Read and write access to your mail/);
    assert.match(page, /Maintain access to data you have given it access to/);
    assert.match(await (await click({ scope: "openid Mail.Send" })).text(), /Send mail as you/);
  });

  it("lists only the hinted account", async () => {
    const page = await (await fetch(await authorizationUrl(config, { login_hint: stranger.userName }))).text();
    assert.match(page, /sam@fabrikam\.test/);
    assert.doesNotMatch(page, /help@contoso\.test/);
  });

  it("takes a typed account, and complains about one it does not know", async () => {
    const page = await (await fetch(await authorizationUrl(config))).text();
    const ctx = /name="ctx" value="([^"]+)"/.exec(page)?.[1] ?? "";
    const type = (userName: string) =>
      fetch(`${entra.origin}/${contoso.id}/login`, {
        method: "POST",
        body: new URLSearchParams({ ctx, userName }),
        redirect: "manual",
      });
    assert.match(await (await type("nobody@contoso.test")).text(), /This username may be incorrect/);
    assert.equal((await type("HELP@contoso.test")).status, 302);
  });

  it("tells the application when the person cancels", async () => {
    const url = await authorizationUrl(config, { prompt: "consent" });
    const { fields } = await signIn(url, { ...person, decision: "cancel" });
    assert.equal(fields.get("error"), "access_denied");
    assert.equal(fields.get("error_subcode"), "cancel");
    assert.match(fields.get("error_description") ?? "", /^AADSTS65004: User declined to consent to access the app\./);
    assert.equal(fields.get("state"), state);
  });

  it("tells the application when only an administrator may consent", async () => {
    entra.requireAdminApproval(true);
    const { fields } = await signIn(await authorizationUrl(config, { prompt: "consent" }), person);
    const withoutConsentPage = await signIn(await authorizationUrl(config), person);
    entra.requireAdminApproval(false);
    assert.equal(fields.get("error"), "access_denied");
    assert.match(fields.get("error_description") ?? "", /^AADSTS90094: /);
    assert.ok(withoutConsentPage.fields.has("code"), "existing consent goes on");
  });

  for (const [what, changes, code] of [
    ["another redirect URI", { redirect_uri: "https://deskpost.test/other" }, 50011],
    ["a redirect URI in other case", { redirect_uri: redirectUri.replace("api", "Api") }, 50011],
    ["another port of 127.0.0.1", { redirect_uri: "http://127.0.0.1:7071/api/finish-consent" }, 50011],
    ["no redirect URI", { redirect_uri: undefined }, 900971],
    ["an unknown application", { client_id: contoso.id }, 700016],
  ] as const) {
    it(`shows a page and tells the application nothing about ${what}`, async () => {
      await assert.rejects(signIn(await authorizationUrl(config, changes), person), stopsAt(code));
    });
  }

  it("ignores the port of http://localhost", async () => {
    const url = await authorizationUrl(config, { redirect_uri: "http://localhost:7071/api/finish-consent" });
    assert.match((await signIn(url, person)).url, /^http:\/\/localhost:7071\/api\/finish-consent\?code=/);
  });

  for (const [what, changes, error, code] of [
    ["another response type", { response_type: "id_token" }, "unsupported_response_type", 700054],
    ["no scope", { scope: undefined }, "invalid_request", 900144],
    ["a permission that does not exist", { scope: "Mail.Everything" }, "invalid_client", 650053],
    ["a silent sign-in", { prompt: "none" }, "login_required", 50058],
  ] as const) {
    it(`tells the application about ${what}`, async () => {
      const { fields } = await signIn(await authorizationUrl(config, changes), person);
      assert.equal(fields.get("error"), error);
      assert.match(fields.get("error_description") ?? "", new RegExp(`^AADSTS${code}: `));
    });
  }

  it("refuses the account of another tenant, and a disabled one", async () => {
    await assert.rejects(signIn(await authorizationUrl(config), { oid: stranger.oid }), stopsAt(50020));
    entra.disable(help.oid);
    const disabled = assert.rejects(signIn(await authorizationUrl(config), person), stopsAt(50057));
    await disabled;
    entra.enable(help.oid);
  });

  it("lets only a multitenant application use organizations", async () => {
    const url = await authorizationUrl(config);
    const anywhere = url.href.replace(contoso.id, "organizations");
    await assert.rejects(signIn(anywhere, person), stopsAt(50194));
    const open = await startExampleEntra({ applications: [{ ...exampleApplication, multitenant: true }] });
    const { fields } = await signIn(anywhere.replace(entra.origin, open.origin), { oid: stranger.oid });
    await open.server.stop();
    assert.ok(fields.has("code"));
  });

  it("redeems a code once", async () => {
    const callback = await signInForCode(config);
    await redeem(config, callback);
    await assert.rejects(redeem(config, callback), refusal(400, "invalid_grant", 54005));
  });

  it("redeems a code within ten minutes", async () => {
    const callback = await signInForCode(config);
    clock.advance(9 * 60_000);
    const late = await signInForCode(config);
    await redeem(config, callback);
    clock.advance(11 * 60_000);
    await assert.rejects(redeem(config, late), refusal(400, "invalid_grant", 70008));
  });

  it("redeems a code only with its verifier", async () => {
    const { url } = await signInForCode(config);
    const wrong = { pkceCodeVerifier: oauth.randomPKCECodeVerifier(), expectedState: state, expectedNonce: nonce };
    await assert.rejects(
      oauth.authorizationCodeGrant(config, new URL(url), wrong),
      refusal(400, "invalid_grant", 501481),
    );
  });

  it("redeems a code only with its redirect URI", async () => {
    const { url } = await signInForCode(config);
    const elsewhere = url.replace("/api/finish-consent", "/api/Finish-consent");
    const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce };
    await assert.rejects(
      oauth.authorizationCodeGrant(config, new URL(elsewhere), checks),
      refusal(401, "invalid_client", 500112),
    );
  });
});
