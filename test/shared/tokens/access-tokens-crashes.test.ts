import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import type { GrantStore } from "../../../shared/tokens/grant.ts";
import type { TokenSealer } from "../../../shared/tokens/token-sealer.ts";
import { createDeath, type Death } from "./dying-process.ts";
import {
  DAY_MS,
  type ExampleMailbox,
  goThroughMicrosoft,
  HOUR_MS,
  isTokenRequest,
  MINUTE_MS,
  useTokenHarness,
} from "./token-harness.ts";
import type { InstanceOptions } from "./token-instance.ts";

const harness = useTokenHarness();
let mailbox: ExampleMailbox;

beforeEach(async () => {
  mailbox = await harness.connectedMailbox();
});

const refreshes = () => harness.entra.tokenRequests.refresh_token;

/** Where a process can die, from the lease to the last write. */
interface PlaceOfDeath {
  readonly name: string;
  options(death: Death): InstanceOptions;
}

const inGrants = (death: Death, method: keyof GrantStore, when: "before" | "after", call = 1): InstanceOptions => ({
  grants: (grants) => death.at(grants, method, when, call),
});
const inSealer = (death: Death, method: keyof TokenSealer, when: "before" | "after"): InstanceOptions => ({
  sealer: (sealer) => death.at(sealer, method, when),
});

const refreshDeaths: readonly PlaceOfDeath[] = [
  { name: "after the lease was taken", options: (death) => inGrants(death, "update", "after") },
  { name: "after the refresh token was read", options: (death) => inGrants(death, "refreshToken", "after") },
  { name: "after Entra's answer, before sealing", options: (death) => inSealer(death, "seal", "before") },
  { name: "after sealing", options: (death) => inSealer(death, "seal", "after") },
  { name: "before Key Vault has the new token", options: (death) => inGrants(death, "saveRefreshToken", "before") },
  { name: "after Key Vault has it", options: (death) => inGrants(death, "saveRefreshToken", "after") },
  { name: "before the row points at it", options: (death) => inGrants(death, "update", "before", 2) },
  { name: "after the row points at it", options: (death) => inGrants(death, "update", "after", 2) },
];

describe("a process that dies in a refresh", () => {
  for (const { name, options } of refreshDeaths) {
    it(`${name} loses nothing: the next one has a token, and so has one 89 days later`, async () => {
      // After a week the new refresh token is stored as well, so that every write is made.
      harness.clock.advance(8 * DAY_MS);
      const death = createDeath();
      const dying = harness.instance(options(death));
      assert.equal(await Promise.race([dying.accessTokenFor(mailbox.id), death.happened]), "dead");

      harness.clock.advance(2 * MINUTE_MS);
      harness.assertServes(mailbox, await harness.instance().accessTokenFor(mailbox.id));
      harness.clock.advance(89 * DAY_MS);
      harness.assertServes(mailbox, await harness.instance().accessTokenFor(mailbox.id));
    });
  }

  it("between Key Vault and the row leaves the newest token where it is found when the row's own has ended", async () => {
    harness.clock.advance(8 * DAY_MS);
    const death = createDeath();
    const dying = harness.instance(inGrants(death, "saveRefreshToken", "after"));
    await Promise.race([dying.accessTokenFor(mailbox.id), death.happened]);
    const { secretName, secretVersion } = await harness.grantOf(mailbox);
    assert.equal(harness.keyVault.read(secretName)[0]?.version, secretVersion, "the row points at the older one");

    harness.clock.advance(89 * DAY_MS);
    const requests = refreshes();
    harness.assertServes(mailbox, await harness.instance().accessTokenFor(mailbox.id));
    assert.equal(refreshes() - requests, 2, "one with the row's, which has ended, and one with the newest");
    const healed = await harness.grantOf(mailbox);
    assert.equal(healed.secretVersion, harness.keyVault.read(secretName).at(-1)?.version);
    assert.equal(healed.refused, false);
  });
});

describe("the lease of a process that died", () => {
  async function dieWithLease(): Promise<void> {
    const death = createDeath();
    const dying = harness.instance(inGrants(death, "update", "after"));
    await Promise.race([dying.accessTokenFor(mailbox.id), death.happened]);
  }

  it("leaves the old token to everybody for as long as it serves", async () => {
    const first = await harness.instance().accessTokenFor(mailbox.id);
    harness.clock.advanceTo((await harness.grantOf(mailbox)).refreshAt);
    await dieWithLease();
    const requests = refreshes();
    assert.equal(await harness.instance().accessTokenFor(mailbox.id), first);
    assert.equal(refreshes(), requests);
  });

  it("makes those without a token wait, and then give up until the next tick, without asking Entra", async () => {
    harness.clock.advance(10 * HOUR_MS);
    await dieWithLease();
    const requests = refreshes();
    let waitedMs = 0;
    const sleep = async (ms: number) => {
      waitedMs += ms;
    };
    const waiting = harness.instance({ sleep, random: () => 0.5 });
    await assert.rejects(waiting.accessTokenFor(mailbox.id), { code: "TOKEN_UNAVAILABLE" });
    assert.equal(waitedMs, 30_000);
    assert.equal(refreshes(), requests);
  });

  it("is taken over by one of those who wait, as soon as it has run out", async () => {
    harness.clock.advance(10 * HOUR_MS);
    await dieWithLease();
    const requests = refreshes();
    const patient = { sleep: async (ms: number) => harness.clock.advance(4 * ms) };
    const tokens = await Promise.all(
      [harness.instance(patient), harness.instance(patient)].map((one) => one.accessTokenFor(mailbox.id)),
    );
    assert.equal(new Set(tokens).size, 1);
    harness.assertServes(mailbox, tokens[0] ?? "");
    assert.equal(refreshes() - requests, 1);
  });

  it("does not let a process that comes to life again overwrite what its successor wrote", async () => {
    harness.clock.advance(10 * HOUR_MS);
    const pause = Promise.withResolvers<void>();
    const paused = Promise.withResolvers<void>();
    const slow = harness.instance({
      sealer: (sealer) => ({
        ...sealer,
        seal: async (id, plain) => {
          paused.resolve();
          await pause.promise;
          return sealer.seal(id, plain);
        },
      }),
    });
    const late = slow.accessTokenFor(mailbox.id);
    await paused.promise;
    harness.clock.advance(2 * MINUTE_MS);
    const successor = await harness.instance().accessTokenFor(mailbox.id);
    const row = await harness.grantOf(mailbox);
    pause.resolve();
    assert.equal(await late, successor);
    assert.equal((await harness.grantOf(mailbox)).etag, row.etag);
  });

  it("does not let a refresh that was under way spoil a new consent", async () => {
    harness.clock.advance(10 * HOUR_MS);
    harness.entra.server.plan(isTokenRequest, { kind: "before", run: () => harness.connect(mailbox) });
    const before = await harness.grantOf(mailbox);
    harness.assertServes(mailbox, await harness.instance().accessTokenFor(mailbox.id));
    const grant = await harness.grantOf(mailbox);
    assert.notEqual(grant.generation, before.generation);
    assert.equal(grant.leaseUntil, undefined);
    assert.equal(grant.secretVersion, harness.keyVault.read(grant.secretName).at(-1)?.version);
  });
});

describe("a process that dies at the end of a consent", () => {
  const consentDeaths: readonly PlaceOfDeath[] = [
    { name: "before Key Vault has the token", options: (death) => inGrants(death, "saveRefreshToken", "before") },
    { name: "after Key Vault has it", options: (death) => inGrants(death, "saveRefreshToken", "after") },
    { name: "before sealing", options: (death) => inSealer(death, "seal", "before") },
    { name: "before the row is written", options: (death) => inGrants(death, "replace", "before") },
  ];
  for (const { name, options } of consentDeaths) {
    it(`${name} leaves the earlier consent at work`, async () => {
      const before = await harness.grantOf(mailbox);
      const death = createDeath();
      const dying = harness.instance(options(death));
      const { cookie, callback } = await goThroughMicrosoft(dying, mailbox);
      const finishing = dying.consents.finish({ parameters: callback.fields, cookie: () => cookie.value });
      assert.equal(await Promise.race([finishing, death.happened]), "dead");
      assert.deepEqual(await harness.grantOf(mailbox), before);
      harness.clock.advance(80 * DAY_MS);
      harness.assertServes(mailbox, await harness.instance().accessTokenFor(mailbox.id));
    });
  }

  it("after the row is written has connected the mailbox", async () => {
    const fresh = await harness.addMailbox();
    const death = createDeath();
    const dying = harness.instance(inGrants(death, "replace", "after"));
    const { cookie, callback } = await goThroughMicrosoft(dying, fresh);
    const finishing = dying.consents.finish({ parameters: callback.fields, cookie: () => cookie.value });
    await Promise.race([finishing, death.happened]);
    const token = await harness.instance().accessTokenFor(fresh.id);
    assert.equal(harness.entra.describeAccessToken(token)?.oid, fresh.account.oid);
  });
});
