import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import * as oauth from "openid-client";
import { type Clock, installClock } from "../clock.ts";
import type { Entra } from "./entra.ts";
import { EntraError, entraErrorAnswer } from "./entra-errors.ts";
import {
  clientId,
  contoso,
  discover,
  fabrikam,
  help,
  obtainRefreshToken,
  redeem,
  refusal,
  secret,
  signInForCode,
  startExampleEntra,
  stranger,
} from "./entra-example.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

describe("Entra's refresh", () => {
  let clock: Clock;
  let entra: Entra;
  let config: oauth.Configuration;
  before(async () => {
    clock = installClock();
    entra = await startExampleEntra();
    config = await discover(entra);
  });
  after(async () => {
    await entra.server.stop();
    clock.uninstall();
  });

  it("replaces an access token that ended after 60 to 90 minutes", async () => {
    const tokens = await redeem(config, await signInForCode(config));
    assert.ok(tokens.expires_in !== undefined && tokens.expires_in >= 60 * 60 && tokens.expires_in < 90 * 60);
    clock.advance(90 * MINUTE_MS);
    const old = entra.describeAccessToken(tokens.access_token);
    assert.ok(old && old.expiresAt.getTime() < Date.now());
    const renewed = await oauth.refreshTokenGrant(config, tokens.refresh_token ?? "");
    const fresh = entra.describeAccessToken(renewed.access_token);
    assert.ok(fresh && fresh.expiresAt.getTime() > Date.now());
    assert.equal(renewed.claims()?.oid, help.oid);
  });

  it("draws another life for each access token", async () => {
    const token = await obtainRefreshToken(config);
    const lives = new Set<number | undefined>();
    for (let i = 0; i < 6; i++) lives.add((await oauth.refreshTokenGrant(config, token)).expires_in);
    assert.ok(lives.size > 1);
  });

  it("brings a new refresh token and leaves the old one alive", async () => {
    const issuedBefore = entra.refreshTokensIssued;
    const requestsBefore = entra.tokenRequests.refresh_token;
    const first = await obtainRefreshToken(config);
    const { refresh_token: second } = await oauth.refreshTokenGrant(config, first);
    assert.ok(second && second !== first);
    await oauth.refreshTokenGrant(config, first);
    await oauth.refreshTokenGrant(config, second);
    assert.equal(entra.refreshTokensIssued - issuedBefore, 4);
    assert.equal(entra.tokenRequests.refresh_token - requestsBefore, 3);
  });

  it("ends each refresh token 90 days after its own issue, though it was used every day", async () => {
    const first = await obtainRefreshToken(config);
    let newest = first;
    for (let day = 1; day <= 89; day++) {
      clock.advance(DAY_MS);
      newest = (await oauth.refreshTokenGrant(config, first)).refresh_token ?? assert.fail("no refresh token");
    }
    clock.advance(2 * DAY_MS);
    await assert.rejects(oauth.refreshTokenGrant(config, first), (thrown: oauth.ResponseBodyError) => {
      assert.match(
        thrown.error_description ?? "",
        /The token was issued on \d{4}-\d\d-\d\dT[\d:]{8}\.\d{7}Z and was inactive for 90\.00:00:00\./,
      );
      return refusal(400, "invalid_grant", 700082, "bad_token")(thrown);
    });
    await oauth.refreshTokenGrant(config, newest);
  });

  it("can leave the new refresh token out", async () => {
    const token = await obtainRefreshToken(config);
    entra.setRotation("returns-none");
    const { refresh_token } = await oauth.refreshTokenGrant(config, token);
    entra.setRotation("returns-new");
    assert.equal(refresh_token, undefined);
  });

  it("can say when to refresh, even as a string", async () => {
    const token = await obtainRefreshToken(config);
    entra.setRefreshIn("2000");
    const answer = await oauth.refreshTokenGrant(config, token);
    entra.setRefreshIn(undefined);
    assert.equal(answer.refresh_in, "2000");
  });

  it("takes a subset of the scopes, and asks for consent to more", async () => {
    const token = await obtainRefreshToken(config);
    const answer = await oauth.refreshTokenGrant(config, token, { scope: "mail.readwrite" });
    assert.equal(answer.id_token, undefined);
    assert.match(answer.scope ?? "", /Mail\.ReadWrite/);
    await assert.rejects(
      oauth.refreshTokenGrant(config, token, { scope: "Mail.Send" }),
      refusal(400, "invalid_grant", 65001, "consent_required"),
    );
  });

  it("refuses a damaged refresh token as a malformed request", async () => {
    const token = await obtainRefreshToken(config);
    await assert.rejects(oauth.refreshTokenGrant(config, token.slice(1)), refusal(400, "invalid_grant", 9002313));
  });

  it("refuses a token of another tenant's account, and an unknown tenant", async () => {
    const token = await obtainRefreshToken(config);
    const refreshAt = async (tenant: string) => {
      const response = await fetch(`${entra.origin}/${tenant}/oauth2/v2.0/token`, {
        method: "POST",
        headers: { "client-request-id": "the-correlation-id" },
        body: new URLSearchParams({
          grant_type: "refresh_token",
          refresh_token: token,
          client_id: clientId,
          client_secret: secret,
        }),
      });
      const body = (await response.json()) as { error_codes: number[]; correlation_id: string };
      assert.equal(body.correlation_id, "the-correlation-id");
      return body.error_codes[0];
    };
    assert.equal(await refreshAt(fabrikam.id), 700016);
    assert.equal(await refreshAt("organizations"), 50194);
    assert.equal(await refreshAt("nobody.test"), 90002);
  });

  it("asks for a new sign-in after a revocation", async () => {
    const token = await obtainRefreshToken(config);
    entra.revoke(help.oid);
    await assert.rejects(oauth.refreshTokenGrant(config, token), refusal(400, "invalid_grant", 50173, "bad_token"));
    await oauth.refreshTokenGrant(config, await obtainRefreshToken(config));
  });

  it("refuses while the account is disabled, and heals", async () => {
    const token = await obtainRefreshToken(config);
    entra.disable(help.oid);
    await assert.rejects(oauth.refreshTokenGrant(config, token), refusal(400, "invalid_grant", 50057));
    entra.enable(help.oid);
    await oauth.refreshTokenGrant(config, token);
  });

  it("refuses every refresh with the error of the test's choice", async () => {
    const token = await obtainRefreshToken(config);
    entra.refuseRefresh(50076);
    await assert.rejects(oauth.refreshTokenGrant(config, token), (thrown: oauth.ResponseBodyError) => {
      assert.match(String(thrown.cause.claims), /capolids/);
      return refusal(400, "invalid_grant", 50076, "basic_action")(thrown);
    });
    entra.refuseRefresh(50196);
    await assert.rejects(oauth.refreshTokenGrant(config, token), refusal(400, "invalid_grant", 50196));
    entra.refuseRefresh(undefined);
    entra.refuseRefresh(50076, stranger.oid);
    await oauth.refreshTokenGrant(config, token);
    entra.refuseRefresh(undefined, stranger.oid);
  });

  it("meets planned faults: a transient error, throttling, a lost answer", async () => {
    const token = await obtainRefreshToken(config);
    const isToken = ({ path }: { path: string }) => path.endsWith("/token");
    entra.server.plan(isToken, { kind: "answer", answer: entraErrorAnswer(new EntraError(90033)) });
    await assert.rejects(oauth.refreshTokenGrant(config, token), { code: "OAUTH_RESPONSE_IS_NOT_CONFORM" });
    const throttled = { status: 429, headers: { "retry-after": "60", "content-type": "text/html" }, body: "Too Many" };
    entra.server.plan(isToken, { kind: "answer", answer: throttled });
    await assert.rejects(oauth.refreshTokenGrant(config, token), (thrown: oauth.ClientError) => {
      assert.equal((thrown.cause as Response).headers.get("retry-after"), "60");
      return true;
    });
    const issued = entra.refreshTokensIssued;
    entra.server.plan(isToken, { kind: "cut-after" });
    await assert.rejects(oauth.refreshTokenGrant(config, token));
    assert.equal(entra.refreshTokensIssued, issued + 1, "a token that nobody got");
  });

  it("refuses GET and unknown grant types", async () => {
    const url = `${entra.origin}/${contoso.id}/oauth2/v2.0/token`;
    const codes = async (response: Response) => ((await response.json()) as { error_codes: number[] }).error_codes;
    assert.deepEqual(await codes(await fetch(url)), [900561]);
    const body = new URLSearchParams({ grant_type: "password" });
    assert.deepEqual(await codes(await fetch(url, { method: "POST", body })), [70003]);
    assert.deepEqual(await codes(await fetch(url, { method: "POST", body: new URLSearchParams() })), [900144]);
  });
});
