import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ConsentResult } from "../../../shared/tokens/consent-result.ts";
import type { RefusalClass } from "../../../shared/tokens/entra-errors.ts";
import { signIn } from "../../simulator/entra/entra-person.ts";
import { useConsents } from "./consent-harness.ts";
import { CONTOSO, DAY_MS, FABRIKAM, isTokenRequest } from "./token-harness.ts";
import { CLIENT_ID } from "./token-instance.ts";

const consents = useConsents();
const { signInAtMicrosoft, finish, assertRefused } = consents;

/** Fails unless the tokens were refused, by Entra or because they do not hold, and nothing was stored. */
async function assertRefusedByEntra(
  kind: RefusalClass,
  answer: () => Promise<ConsentResult>,
  message: RegExp,
): Promise<void> {
  await assertRefused({ reason: "token-refused", class: kind }, async () => {
    const result = await answer();
    assert.match((result as { message?: string }).message ?? "", message);
    return result;
  });
}

function withScopes(change: (scopes: string[]) => string[]): (location: URL) => void {
  return ({ searchParams }) =>
    searchParams.set("scope", change((searchParams.get("scope") ?? "").split(" ")).join(" "));
}

describe("a sign-in that somebody meddled with on the way", () => {
  it("is refused when its code is of another sign-in, though both are this browser's", async () => {
    const first = await signInAtMicrosoft();
    const second = await signInAtMicrosoft();
    const swapped = { state: first.fields.get("state") ?? "", code: second.fields.get("code") ?? "" };
    await assertRefusedByEntra("owner", () => finish(swapped, [first.cookie, second.cookie]), /AADSTS501481/);
  });

  it("is refused where the code challenge was another", async () => {
    const change = ({ searchParams }: URL) => searchParams.set("code_challenge", "A".repeat(43));
    const { cookie, fields } = await signInAtMicrosoft({ change });
    await assertRefusedByEntra("owner", () => finish(fields, [cookie]), /AADSTS501481/);
  });

  it("is refused where the nonce was another", async () => {
    const change = ({ searchParams }: URL) => searchParams.set("nonce", "another");
    const { cookie, fields } = await signInAtMicrosoft({ change });
    await assertRefusedByEntra("passing", () => finish(fields, [cookie]), /nonce/);
  });

  it("is refused where it was made to bring no id token", async () => {
    const { cookie, fields } = await signInAtMicrosoft({
      change: withScopes((scopes) => scopes.filter((scope) => scope !== "openid")),
    });
    await assertRefusedByEntra("passing", () => finish(fields, [cookie]), /id_token/);
  });

  it("does not go anywhere but to the address of the configuration (law 8)", async () => {
    const change = ({ searchParams }: URL) => searchParams.set("redirect_uri", "https://evil.test/api/finish-consent");
    await assert.rejects(signInAtMicrosoft({ change }), { name: "StoppedAtPageError", page: /AADSTS50011/ });
  });
});

describe("Microsoft's refusal", () => {
  it("of somebody who declined", async () => {
    const { cookie, fields } = await signInAtMicrosoft({ decision: "cancel" });
    await assertRefused({ reason: "declined", error: "access_denied" }, () => finish(fields, [cookie]));
  });

  it("where an administrator must approve", async () => {
    consents.harness.entra.requireAdminApproval(true);
    const { cookie, fields } = await signInAtMicrosoft();
    await assertRefused({ reason: "admin-approval-required", error: "access_denied" }, () => finish(fields, [cookie]));
  });

  it("of any other kind is told by its number, or by its name without anything that could be markup", async () => {
    for (const [error, description, expected] of [
      ["server_error", "AADSTS50000: There was an error issuing a token. <script>", "AADSTS50000"],
      ["temporarily_unavailable", "", "temporarily_unavailable"],
      ['<img src="x">', "no number", "imgsrcx"],
      ["x".repeat(500), "", "x".repeat(60)],
    ] as const) {
      const { cookie, fields } = await signInAtMicrosoft();
      const answer = { state: fields.get("state") ?? "", error, error_description: description };
      await assertRefused({ reason: "microsoft-error", error: expected }, () => finish(answer, [cookie]));
    }
  });

  it("counts even where a code comes along", async () => {
    const { cookie, fields } = await signInAtMicrosoft();
    fields.set("error", "access_denied");
    await assertRefused({ reason: "declined", error: "access_denied" }, () => finish(fields, [cookie]));
  });

  it("without error and without code is told as such", async () => {
    const { cookie, fields } = await signInAtMicrosoft();
    fields.delete("code");
    await assertRefused({ reason: "no-code" }, () => finish(fields, [cookie]));
  });

  it("of an account of another organisation stays on Microsoft's page, and leaves the sign-in open", async () => {
    const stranger = await consents.harness.addMailbox({ tenantId: FABRIKAM.id, userName: "sam@fabrikam.test" });
    const { location, cookie } = await consents.instance.consents.start({
      mailboxId: consents.mailbox.id,
      address: consents.mailbox.address,
      kind: "owner",
      writes: false,
    });
    await assert.rejects(signIn(location, { oid: stranger.account.oid }), {
      name: "StoppedAtPageError",
      page: /AADSTS50020/,
    });
    const { fields } = await signIn(location, { oid: consents.mailbox.account.oid });
    assert.equal((await finish(fields, [cookie])).kind, "connected");
  });
});

describe("tokens that do not do", () => {
  /** A token answer with an id token as somebody in between could write it. */
  function planTokenAnswer(location: URL, claims: Readonly<Record<string, unknown>>): void {
    const now = Math.floor(Date.now() / 1_000);
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const valid = {
      iss: consents.harness.entra.issuerOf(CONTOSO.id),
      aud: CLIENT_ID,
      iat: now,
      exp: now + 3_600,
      sub: "subject",
      oid: consents.mailbox.account.oid,
      tid: CONTOSO.id,
      preferred_username: consents.mailbox.address,
      nonce: location.searchParams.get("nonce"),
    };
    const idToken = [encode({ alg: "RS256", typ: "JWT" }), encode({ ...valid, ...claims }), "c2lnbmF0dXJl"].join(".");
    const body = {
      token_type: "Bearer",
      expires_in: 3_600,
      access_token: "an-access-token",
      refresh_token: "a-refresh-token",
      scope: "Mail.Read Mail.Read.Shared",
      id_token: idToken,
    };
    consents.harness.entra.server.plan(isTokenRequest, {
      kind: "answer",
      answer: { status: 200, headers: { "content-type": "application/json" }, body: JSON.stringify(body) },
    });
  }

  it("because they are of another organisation", async () => {
    const { cookie, fields, location } = await signInAtMicrosoft();
    planTokenAnswer(location, { tid: FABRIKAM.id });
    await assertRefused({ reason: "other-tenant" }, () => finish(fields, [cookie]));
  });

  for (const [name, claims] of [
    ["issued by another organisation", () => ({ iss: consents.harness.entra.issuerOf(FABRIKAM.id) })],
    ["issued for another application", () => ({ aud: FABRIKAM.id })],
    ["over already", () => ({ exp: Math.floor(Date.now() / 1_000) - 3_600 })],
  ] as const) {
    it(`because the id token is ${name}`, async () => {
      const { cookie, fields, location } = await signInAtMicrosoft();
      planTokenAnswer(location, claims());
      await assertRefusedByEntra(
        "passing",
        () => finish(fields, [cookie]),
        /^Microsoft (?:refused|gave no proper answer when asked) to redeem the sign-in: /,
      );
    });
  }

  it("because permissions are missing, and names them", async () => {
    const { cookie, fields } = await signInAtMicrosoft({
      change: withScopes((scopes) => scopes.filter((scope) => scope !== "Mail.Read.Shared")),
    });
    await assertRefused({ reason: "missing-scopes", missing: ["Mail.Read.Shared"] }, () => finish(fields, [cookie]));
  });

  it("because no refresh token came along", async () => {
    const { cookie, fields } = await signInAtMicrosoft({
      change: withScopes((scopes) => scopes.filter((scope) => scope !== "offline_access")),
    });
    await assertRefused({ reason: "no-refresh-token" }, () => finish(fields, [cookie]));
  });

  it("because the account cannot open the mailbox", async () => {
    const process = consents.harness.instance({ cannotOpen: "Access is denied" });
    const { cookie, fields } = await signInAtMicrosoft({ process });
    await assertRefused(
      { reason: "mailbox-not-opened", userName: consents.mailbox.address, detail: "Access is denied" },
      () => finish(fields, [cookie], process),
    );
  });

  it("because Entra is away at that moment", async () => {
    const { cookie, fields } = await signInAtMicrosoft();
    consents.harness.entra.server.plan(isTokenRequest, { kind: "cut-before" });
    await assertRefusedByEntra(
      "passing",
      () => finish(fields, [cookie]),
      /^Microsoft gave no proper answer when asked to redeem the sign-in/,
    );
  });

  it("because our client secret has expired", async () => {
    const { cookie, fields } = await signInAtMicrosoft();
    consents.harness.entra.expireSecrets(CLIENT_ID);
    await assertRefusedByEntra("app", () => finish(fields, [cookie]), /AADSTS7000222/);
    await consents.harness.renewClientSecret();
  });

  it("and leave an earlier consent at work, whatever was refused", async () => {
    await consents.harness.connect(consents.mailbox);
    const { cookie, fields } = await signInAtMicrosoft();
    fields.delete("code");
    await assertRefused({ reason: "no-code" }, () => finish(fields, [cookie]));
    consents.harness.clock.advance(80 * DAY_MS);
    await consents.harness.instance().accessTokenFor(consents.mailbox.id);
  });
});
