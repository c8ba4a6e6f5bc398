import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { useConsents } from "./consent-harness.ts";
import { CONTOSO, DAY_MS, FABRIKAM, HOUR_MS, MINUTE_MS } from "./token-harness.ts";
import { CLIENT_ID, REDIRECT_URL } from "./token-instance.ts";

const consents = useConsents();
const { signInAtMicrosoft, finish, assertRefused } = consents;

describe("the way to Microsoft", () => {
  it("asks for a code in a form, with PKCE, state and nonce, at the mailbox's own organisation", async () => {
    const { id, address } = consents.mailbox;
    const { location, cookie } = await consents.instance.consents.start({
      mailboxId: id,
      address,
      kind: "owner",
      writes: false,
    });
    assert.equal(location.origin, consents.harness.entra.origin);
    assert.equal(location.pathname, `/${CONTOSO.id}/oauth2/v2.0/authorize`);
    const query = Object.fromEntries(location.searchParams);
    assert.equal(query.response_type, "code");
    assert.equal(query.response_mode, "form_post");
    assert.equal(query.redirect_uri, REDIRECT_URL);
    assert.equal(query.client_id, CLIENT_ID);
    assert.equal(query.code_challenge_method, "S256");
    assert.equal(query.prompt, "select_account");
    assert.equal(query.scope, "openid profile offline_access Mail.Read Mail.Read.Shared");
    for (const name of ["state", "nonce", "code_challenge"]) {
      assert.equal(Buffer.from(query[name] ?? "", "base64url").byteLength, 32, name);
    }
    assert.match(cookie.name, /^__Host-/);
    assert.equal(
      cookie.value,
      createHash("sha256")
        .update(query.state ?? "")
        .digest("base64url"),
    );
  });

  it("asks for the right to write only where messages are changed after delivery", async () => {
    const { location } = await consents.instance.consents.start({
      mailboxId: consents.mailbox.id,
      address: consents.mailbox.address,
      kind: "owner",
      writes: true,
    });
    assert.equal(
      location.searchParams.get("scope"),
      "openid profile offline_access Mail.ReadWrite Mail.ReadWrite.Shared",
    );
  });

  it("goes to the organisation of the configuration, where one is set", async () => {
    const strict = consents.harness.instance({ tenant: FABRIKAM.domain });
    const { id, address } = consents.mailbox;
    const { location } = await strict.consents.start({ mailboxId: id, address, kind: "owner", writes: false });
    assert.equal(location.pathname, `/${FABRIKAM.id}/oauth2/v2.0/authorize`);
  });

  it("ends at the start where Microsoft knows no organisation of that domain, and says which", async () => {
    const lost = {
      mailboxId: consents.mailbox.id,
      address: "help@nowhere.test",
      kind: "owner" as const,
      writes: false,
    };
    await assert.rejects(consents.instance.consents.start(lost), {
      name: "EntraError",
      message: /organisation "nowhere\.test"/,
    });
  });

  it("passes while Entra is away, and works with the next press of the button", async () => {
    const { id, address } = consents.mailbox;
    const fresh = consents.harness.instance();
    consents.harness.entra.server.plan(() => true, { kind: "cut-before" });
    const start = () => fresh.consents.start({ mailboxId: id, address, kind: "owner", writes: false });
    await assert.rejects(start(), { code: "ENTRA_UNAVAILABLE" });
    await start();
  });

  it("stores no state, only its hash", async () => {
    const { location } = await signInAtMicrosoft();
    const rows: unknown[] = [];
    const table = await consents.harness.tables("Consents");
    for await (const row of table.listEntities()) rows.push(row);
    assert.ok(rows.length > 0);
    assert.ok(!JSON.stringify(rows).includes(location.searchParams.get("state") ?? ""));
  });
});

describe("a consent", () => {
  it("connects the mailbox: Key Vault has the refresh token, the row everything but it", async () => {
    const { cookie, fields } = await signInAtMicrosoft();
    const result = await finish(fields, [cookie]);
    assert.deepEqual(result, { kind: "connected", mailboxId: consents.mailbox.id, userName: consents.mailbox.address });
    const grant = await consents.harness.grantOf(consents.mailbox);
    assert.equal(grant.tenantId, CONTOSO.id);
    assert.equal(grant.objectId, consents.mailbox.account.oid);
    assert.deepEqual(grant.scopes, ["offline_access", "Mail.Read", "Mail.Read.Shared"]);
    assert.match(grant.secretName, new RegExp(`^refresh-token-${consents.mailbox.id}-${grant.generation}$`));
    const [secret, ...more] = consents.harness.keyVault.read(grant.secretName);
    assert.equal(more.length, 0);
    assert.equal(secret?.version, grant.secretVersion);
    assert.ok(Math.abs((secret?.expires ?? 0) * 1_000 - Date.now() - 90 * DAY_MS) < MINUTE_MS);
    const token = await consents.harness.instance().accessTokenFor(consents.mailbox.id);
    assert.equal(consents.harness.entra.describeAccessToken(token)?.oid, consents.mailbox.account.oid);
  });

  it("begun in one instance ends in another", async () => {
    const { cookie, fields } = await signInAtMicrosoft();
    assert.equal((await finish(fields, [cookie], consents.harness.instance())).kind, "connected");
  });

  it("counts once for two sign-ins side by side in one browser: both connect", async () => {
    const first = await signInAtMicrosoft();
    const firstMailbox = consents.mailbox;
    consents.mailbox = await consents.harness.addMailbox();
    const second = await signInAtMicrosoft();
    const cookies = [first.cookie, second.cookie];
    assert.notEqual(first.cookie.name, second.cookie.name);
    assert.partialDeepStrictEqual(await finish(second.fields, cookies), {
      kind: "connected",
      mailboxId: consents.mailbox.id,
    });
    assert.partialDeepStrictEqual(await finish(first.fields, cookies), {
      kind: "connected",
      mailboxId: firstMailbox.id,
    });
  });

  it("posted twice at the same moment connects exactly once, in whichever instances", async () => {
    const { cookie, fields } = await signInAtMicrosoft();
    const results = await Promise.all(
      [consents.instance, consents.instance, consents.harness.instance(), consents.harness.instance()].map((one) =>
        finish(fields, [cookie], one),
      ),
    );
    assert.deepEqual(results.map(({ kind }) => kind).sort(), ["connected", "refused", "refused", "refused"]);
    for (const result of results) if (result.kind === "refused") assert.equal(result.reason, "used-state");
    assert.equal(consents.harness.keyVault.writes((await consents.harness.grantOf(consents.mailbox)).secretName), 1);
  });

  it("given again takes the place of the first one, under a secret name of its own", async () => {
    await consents.harness.connect(consents.mailbox);
    const first = await consents.harness.grantOf(consents.mailbox);
    await consents.harness.connect(consents.mailbox);
    const second = await consents.harness.grantOf(consents.mailbox);
    assert.notEqual(second.secretName, first.secretName);
    assert.equal(consents.harness.keyVault.writes(first.secretName), 1);
  });
});

describe("an answer that does not belong to a sign-in of this browser", () => {
  it("is refused without a state", async () => {
    const { cookie, fields } = await signInAtMicrosoft();
    fields.delete("state");
    await assertRefused({ reason: "no-state" }, () => finish(fields, [cookie]));
    await assertRefused({ reason: "no-state" }, () => finish({ state: "", code: "x" }, [cookie]));
    await assertRefused({ reason: "no-state" }, () => finish({}, []));
  });

  it("is refused in a browser without the cookie, and still counts in the right one", async () => {
    const { cookie, fields } = await signInAtMicrosoft();
    await assertRefused({ reason: "other-browser" }, () => finish(fields, []));
    const other = await signInAtMicrosoft();
    await assertRefused({ reason: "other-browser" }, () => finish(fields, [other.cookie]));
    const renamed = { ...other.cookie, name: cookie.name };
    await assertRefused({ reason: "other-browser" }, () => finish(fields, [renamed]));
    assert.equal((await finish(fields, [cookie])).kind, "connected");
  });

  it("is refused with a state that nobody gave out, whatever cookies somebody made", async () => {
    const { cookie, fields } = await signInAtMicrosoft();
    fields.set("state", "guessed");
    await assertRefused({ reason: "other-browser" }, () => finish(fields, [cookie]));
    const value = createHash("sha256").update("guessed").digest("base64url");
    const forged = { ...cookie, name: `__Host-deskpost-consent-${value.slice(0, 8)}` as const, value };
    await assertRefused({ reason: "unknown-state" }, () => finish(fields, [forged]));
  });

  it("is refused the second time", async () => {
    const { cookie, fields } = await signInAtMicrosoft();
    await finish(fields, [cookie]);
    await assertRefused({ reason: "used-state" }, () => finish(fields, [cookie]));
  });

  it("is refused when it comes more than ten minutes after the start", async () => {
    const inTime = await signInAtMicrosoft();
    consents.harness.clock.advance(9 * MINUTE_MS);
    assert.equal((await finish(inTime.fields, [inTime.cookie])).kind, "connected");
    const late = await signInAtMicrosoft();
    consents.harness.clock.advance(10 * MINUTE_MS + 1_000);
    await assertRefused({ reason: "expired-state" }, () => finish(late.fields, [late.cookie]));
    await assertRefused({ reason: "used-state" }, () => finish(late.fields, [late.cookie]));
  });

  it("is told as late or used for a day, and is unknown after it was purged", async () => {
    const { cookie, fields } = await signInAtMicrosoft();
    consents.harness.clock.advance(23 * HOUR_MS);
    await consents.instance.consents.purge();
    await assertRefused({ reason: "expired-state" }, () => finish(fields, [cookie]));
    consents.harness.clock.advance(2 * HOUR_MS);
    assert.ok((await consents.instance.consents.purge()) > 0);
    await assertRefused({ reason: "unknown-state" }, () => finish(fields, [cookie]));
  });

  it("is refused where the mailbox was removed meanwhile", async () => {
    const { cookie, fields } = await signInAtMicrosoft();
    await consents.instance.changeMailbox.remove(consents.mailbox.id);
    await assertRefused({ reason: "mailbox-removed" }, () => finish(fields, [cookie]));
  });
});
