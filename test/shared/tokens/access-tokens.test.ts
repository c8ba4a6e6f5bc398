import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { DAY_MS, type ExampleMailbox, HOUR_MS, MINUTE_MS, useTokenHarness } from "./token-harness.ts";
import { CLIENT_SECRET_NAME, type Instance } from "./token-instance.ts";

const harness = useTokenHarness();
let mailbox: ExampleMailbox;
let instance: Instance;

beforeEach(async () => {
  mailbox = await harness.connectedMailbox();
  instance = harness.instance();
});

const refreshes = () => harness.entra.tokenRequests.refresh_token;

describe("an access token", () => {
  it("comes from the row by which consent left it, without a request to Entra", async () => {
    const requests = harness.entra.server.requests.length;
    harness.assertServes(mailbox, await instance.accessTokenFor(mailbox.id));
    assert.equal(harness.entra.server.requests.length, requests);
  });

  it("is given from memory: the second time not even storage is asked", async () => {
    let reads = 0;
    const counting = harness.instance({
      grants: (grants) => ({
        ...grants,
        read: (id) => {
          reads += 1;
          return grants.read(id);
        },
      }),
    });
    const first = await counting.accessTokenFor(mailbox.id);
    assert.equal(await counting.accessTokenFor(mailbox.id), first);
    assert.equal(reads, 1);
  });

  it("lies in the row sealed, not as it is", async () => {
    const token = await instance.accessTokenFor(mailbox.id);
    const client = await harness.tables("Grants");
    const row = await client.getEntity("grant", mailbox.id);
    assert.ok(!JSON.stringify(row).includes(token));
    assert.ok(
      !JSON.stringify(row).includes(harness.keyVault.read((await harness.grantOf(mailbox)).secretName)[0]?.value ?? ""),
    );
  });

  it("that one instance refreshed serves another one without a request to Entra", async () => {
    await harness.passRefreshTime(mailbox);
    const token = await instance.accessTokenFor(mailbox.id);
    const before = harness.entra.server.requests.length;
    assert.equal(await harness.instance().accessTokenFor(mailbox.id), token);
    assert.equal(harness.entra.server.requests.length, before);
  });

  it("is renewed ahead of its end, and not a moment earlier than it says", async () => {
    const first = await instance.accessTokenFor(mailbox.id);
    const { refreshAt } = await harness.grantOf(mailbox);
    harness.clock.advanceTo(refreshAt.getTime() - 5_000);
    assert.equal(await instance.accessTokenFor(mailbox.id), first);
    await harness.passRefreshTime(mailbox);
    const second = await instance.accessTokenFor(mailbox.id);
    assert.notEqual(second, first);
    harness.assertServes(mailbox, second);
  });

  for (const [span, ms] of [
    ["90 minutes", 90 * MINUTE_MS],
    ["10 hours", 10 * HOUR_MS],
    ["80 days", 80 * DAY_MS],
  ] as const) {
    it(`is at hand ${span} after the consent, for an old process and for a new one`, async () => {
      await instance.accessTokenFor(mailbox.id);
      harness.clock.advance(ms);
      harness.assertServes(mailbox, await instance.accessTokenFor(mailbox.id));
      harness.assertServes(mailbox, await harness.instance().accessTokenFor(mailbox.id));
    });
  }

  it("is at hand after 300 idle days, because the tokens were kept once a day", async () => {
    const keeper = harness.instance();
    for (let day = 0; day < 300; day += 30) {
      harness.clock.advance(30 * DAY_MS);
      await keeper.renewGrants();
    }
    harness.assertServes(mailbox, await harness.instance().accessTokenFor(mailbox.id));
    assert.ok(harness.keyVault.writes((await harness.grantOf(mailbox)).secretName) >= 10);
  });

  it("is renewed when Entra says so, be refresh_in a number or a text", async () => {
    for (const refreshIn of [1_800, "1800"]) {
      harness.entra.setRefreshIn(refreshIn);
      await harness.passEnd(mailbox);
      await instance.accessTokenFor(mailbox.id);
      const { refreshAt } = await harness.grantOf(mailbox);
      const inSeconds = (refreshAt.getTime() - Date.now()) / 1_000;
      assert.ok(inSeconds <= 1_800 && inSeconds > 1_700, `in ${inSeconds} s`);
    }
  });

  it("that Graph rejected is not given again, by no instance", async () => {
    const other = harness.instance();
    const rejected = await instance.accessTokenFor(mailbox.id);
    await other.accessTokenFor(mailbox.id);
    const next = await instance.accessTokenFor(mailbox.id, { value: rejected, claims: undefined });
    assert.notEqual(next, rejected);
    harness.assertServes(mailbox, next);
    const requests = refreshes();
    assert.equal(await other.accessTokenFor(mailbox.id, { value: rejected, claims: undefined }), next);
    assert.equal(await instance.accessTokenFor(mailbox.id), next);
    assert.equal(refreshes(), requests);
  });

  it("that Graph rejected is not given again while Entra is away either", async () => {
    const rejected = await instance.accessTokenFor(mailbox.id);
    harness.entra.server.plan(() => true, { kind: "cut-before" });
    await assert.rejects(instance.accessTokenFor(mailbox.id, { value: rejected, claims: undefined }), {
      code: "ENTRA_UNAVAILABLE",
    });
    await assert.rejects(instance.accessTokenFor(mailbox.id, { value: rejected, claims: undefined }), {
      code: "TOKEN_UNAVAILABLE",
    });
  });

  it("comes with the managed identity in place of a client secret, too", async () => {
    await harness.passEnd(mailbox);
    const keyVaultReads = () =>
      harness.keyVault.server.requests.filter(({ path }) => path.includes(CLIENT_SECRET_NAME)).length;
    const reads = keyVaultReads();
    const secretless = harness.instance({
      authentication: { kind: "federated-credential", audience: "api://AzureADTokenExchange" },
    });
    harness.assertServes(mailbox, await secretless.accessTokenFor(mailbox.id));
    assert.equal(keyVaultReads(), reads);
  });

  it("cannot come for a mailbox that nobody connected", async () => {
    await assert.rejects(instance.accessTokenFor("0000000000000000"), {
      code: "CONSENT_REQUIRED",
      generation: undefined,
    });
  });

  it("of an account that another consent replaced is not mixed with the new one's", async () => {
    await harness.connect(mailbox);
    const before = await harness.grantOf(mailbox);
    await harness.connect(mailbox);
    const grant = await harness.grantOf(mailbox);
    assert.notEqual(grant.generation, before.generation);
    assert.notEqual(grant.secretName, before.secretName);
    harness.assertServes(mailbox, await harness.instance().accessTokenFor(mailbox.id));
  });
});

describe("many callers at one expiry", () => {
  it("make one request to Entra, be they 50 in 5 instances", async () => {
    const instances = [instance, ...Array.from({ length: 4 }, () => harness.instance())];
    await Promise.all(instances.map((one) => one.accessTokenFor(mailbox.id)));
    await harness.passEnd(mailbox);
    const requests = refreshes();
    const calls = instances.flatMap((one) => Array.from({ length: 10 }, () => one.accessTokenFor(mailbox.id)));
    const tokens = await Promise.all(calls);
    assert.equal(tokens.length, 50);
    assert.equal(new Set(tokens).size, 1);
    harness.assertServes(mailbox, tokens[0] ?? "");
    assert.equal(refreshes() - requests, 1);
  });

  it("make one request to Entra when all of them bring the same rejected token", async () => {
    const instances = [instance, harness.instance(), harness.instance()];
    const rejected = await instance.accessTokenFor(mailbox.id);
    const requests = refreshes();
    const tokens = await Promise.all(
      instances.flatMap((one) =>
        Array.from({ length: 5 }, () => one.accessTokenFor(mailbox.id, { value: rejected, claims: undefined })),
      ),
    );
    assert.equal(new Set(tokens).size, 1);
    assert.notEqual(tokens[0], rejected);
    assert.equal(refreshes() - requests, 1);
  });
});

describe("the stored refresh token", () => {
  it("stays when an answer brings none (law 4)", async () => {
    harness.entra.setRotation("returns-none");
    const { secretName, secretVersion } = await harness.grantOf(mailbox);
    harness.clock.advance(10 * DAY_MS);
    harness.assertServes(mailbox, await instance.accessTokenFor(mailbox.id));
    await instance.renew(mailbox.id);
    const grant = await harness.grantOf(mailbox);
    assert.equal(grant.secretVersion, secretVersion);
    assert.deepEqual(
      harness.keyVault.read(secretName).map(({ version }) => version),
      [secretVersion],
    );
    harness.clock.advance(70 * DAY_MS);
    harness.assertServes(mailbox, await harness.instance().accessTokenFor(mailbox.id));
  });

  it("is never overwritten by an empty one", async () => {
    const { secretName } = await harness.grantOf(mailbox);
    await assert.rejects(instance.grants.saveRefreshToken(secretName, "", new Date()), /empty refresh token/);
    assert.equal(harness.keyVault.writes(secretName), 1);
  });

  it("is replaced by a newer one after a week, and not at each refresh", async () => {
    const { secretName } = await harness.grantOf(mailbox);
    for (let hours = 0; hours < 6 * 24; hours += 12) {
      harness.clock.advance(12 * HOUR_MS);
      await instance.accessTokenFor(mailbox.id);
    }
    assert.equal(harness.keyVault.writes(secretName), 1);
    harness.clock.advance(2 * DAY_MS);
    await instance.accessTokenFor(mailbox.id);
    assert.equal(harness.keyVault.writes(secretName), 2);
    const newest = harness.keyVault.read(secretName).at(-1);
    const grant = await harness.grantOf(mailbox);
    assert.equal(grant.secretVersion, newest?.version);
    assert.ok(Math.abs(grant.refreshTokenSavedAt.getTime() - Date.now()) < MINUTE_MS);
  });

  it("is written again where another write was under way in Key Vault", async () => {
    const { secretName } = await harness.grantOf(mailbox);
    harness.clock.advance(8 * DAY_MS);
    harness.keyVault.conflictNextWrites(secretName, 2);
    harness.assertServes(mailbox, await instance.accessTokenFor(mailbox.id));
    assert.equal(harness.keyVault.read(secretName).length, 2);
  });
});
