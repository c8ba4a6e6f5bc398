import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { EntraError, entraErrorAnswer } from "../../simulator/entra/entra-errors.ts";
import type { Fault } from "../../simulator/stand-in.ts";
import { DAY_MS, type ExampleMailbox, isTokenRequest, MINUTE_MS, useTokenHarness } from "./token-harness.ts";
import type { Instance } from "./token-instance.ts";

const harness = useTokenHarness();
let mailbox: ExampleMailbox;
let instance: Instance;

beforeEach(async () => {
  mailbox = await harness.connectedMailbox();
  instance = harness.instance();
  await instance.registry.clearAlarm();
});

const refreshes = () => harness.entra.tokenRequests.refresh_token;
const plan = (fault: Fault, times?: number) => harness.entra.server.plan(isTokenRequest, fault, times);

const statusOf = async () => (await instance.registry.get(mailbox.id))?.status;

describe("a grant that Entra refuses", () => {
  it("counts as refused after a second try only, and from then on Entra is left alone", async () => {
    const { generation } = await harness.grantOf(mailbox);
    harness.entra.revoke(mailbox.account.oid);
    await harness.passEnd(mailbox);
    const requests = refreshes();
    const refused = { name: "GrantRefusedError", code: "CONSENT_REQUIRED", mailboxId: mailbox.id, generation };
    await assert.rejects(instance.accessTokenFor(mailbox.id), refused);
    assert.equal(refreshes() - requests, 2);
    await assert.rejects(instance.accessTokenFor(mailbox.id), refused);
    await assert.rejects(harness.instance().renew(mailbox.id), refused);
    assert.equal(refreshes() - requests, 2);
    assert.equal((await harness.grantOf(mailbox)).refused, true);
  });

  it("names the owner as the one to act, and Microsoft's reason", async () => {
    harness.entra.revoke(mailbox.account.oid);
    await harness.passEnd(mailbox);
    await assert.rejects(instance.accessTokenFor(mailbox.id), {
      message: new RegExp(
        `^Mailbox ${mailbox.id}: Microsoft no longer accepts .* \\(AADSTS50173\\)\\. Its owner must connect it again\\.$`,
      ),
    });
  });

  it("serves again after a new consent", async () => {
    harness.entra.revoke(mailbox.account.oid);
    await harness.passEnd(mailbox);
    await assert.rejects(instance.accessTokenFor(mailbox.id), { code: "CONSENT_REQUIRED" });
    await harness.connect(mailbox);
    harness.assertServes(mailbox, await instance.accessTokenFor(mailbox.id));
  });

  it("is told at once, though the token in hand would serve for some minutes more", async () => {
    harness.entra.revoke(mailbox.account.oid);
    await harness.passRefreshTime(mailbox);
    await assert.rejects(instance.accessTokenFor(mailbox.id), { code: "CONSENT_REQUIRED" });
  });

  it("asks for an administrator where the organisation blocks the sign-in, and heals by itself", async () => {
    harness.entra.refuseRefresh(53003, mailbox.account.oid);
    await harness.passEnd(mailbox);
    await assert.rejects(instance.accessTokenFor(mailbox.id), { name: "GrantRefusedError", code: "ADMIN_REQUIRED" });
    assert.equal((await harness.grantOf(mailbox)).refused, false);
    harness.entra.refuseRefresh(undefined, mailbox.account.oid);
    harness.assertServes(mailbox, await harness.instance().accessTokenFor(mailbox.id));
  });

  it("is not refused because of one AADSTS70000, which Entra gives at times for nothing", async () => {
    plan({ kind: "answer", answer: entraErrorAnswer(new EntraError(70000)) });
    await harness.passEnd(mailbox);
    harness.assertServes(mailbox, await instance.accessTokenFor(mailbox.id));
    assert.equal((await harness.grantOf(mailbox)).failures, 0);
  });

  it("is tried with the newest version in Key Vault, where that is ahead of the row", async () => {
    const { secretName, secretVersion } = await harness.grantOf(mailbox);
    const old = harness.keyVault.read(secretName)[0]?.value ?? "";
    // A process that got a new refresh token, stored it and died; then the old token came to its end.
    harness.clock.advance(8 * DAY_MS);
    await instance.renew(mailbox.id);
    const grant = await harness.grantOf(mailbox);
    const { version = "", value: newest = "" } = harness.keyVault.read(secretName).at(-1) ?? {};
    await instance.grants.update(grant, { secretVersion });
    assert.notEqual(newest, old);

    harness.clock.advance(85 * DAY_MS);
    harness.assertServes(mailbox, await harness.instance().accessTokenFor(mailbox.id));
    const healed = await harness.grantOf(mailbox);
    assert.notEqual(healed.secretVersion, secretVersion);
    assert.notEqual(healed.secretVersion, version, "the newer one that came along is stored, as it was due");
  });

  it("that heals by the newest version points at it, even where the answer brings no new token", async () => {
    const { secretName, secretVersion } = await harness.grantOf(mailbox);
    harness.clock.advance(8 * DAY_MS);
    await instance.renew(mailbox.id);
    await instance.grants.update(await harness.grantOf(mailbox), { secretVersion });
    harness.entra.setRotation("returns-none");
    harness.clock.advance(85 * DAY_MS);
    harness.assertServes(mailbox, await harness.instance().accessTokenFor(mailbox.id));
    assert.equal((await harness.grantOf(mailbox)).secretVersion, harness.keyVault.read(secretName).at(-1)?.version);
  });

  it("does not become refused because its secret is missing from Key Vault for a while", async () => {
    const { secretName } = await harness.grantOf(mailbox);
    await harness.secrets.remove(secretName);
    await harness.passEnd(mailbox);
    await assert.rejects(instance.accessTokenFor(mailbox.id));
    assert.equal(
      (await harness.grantOf(mailbox)).refused,
      false,
      "only Entra's clear word makes a grant refused (law 5)",
    );
  });
});

describe("a fault that passes", () => {
  const faults: readonly (readonly [string, Fault])[] = [
    ["503", { kind: "answer", answer: entraErrorAnswer(new EntraError(90033)) }],
    ["500", { kind: "answer", answer: entraErrorAnswer(new EntraError(50000)) }],
    ["a bare 502 of a proxy", { kind: "answer", answer: { status: 502, body: "<html>Bad Gateway</html>" } }],
    ["429 for the tenant", { kind: "answer", answer: entraErrorAnswer(new EntraError(90055)) }],
    ["a plain-text 429", { kind: "answer", answer: { status: 429, body: "Too Many Requests" } }],
    [
      "AADSTS50196, a throttle dressed as invalid_grant",
      { kind: "answer", answer: entraErrorAnswer(new EntraError(50196)) },
    ],
    ["a 200 that is no JSON", { kind: "answer", answer: { status: 200, body: "<html>sign in to the wi-fi</html>" } }],
    ["a connection cut before the request", { kind: "cut-before" }],
    ["a connection cut after it: the answer is lost", { kind: "cut-after" }],
    ["an answer that breaks off", { kind: "cut-body", afterBytes: 100 }],
  ];
  for (const [name, fault] of faults) {
    it(`(${name}) leaves the token in hand to serve, and is over with the next try`, async () => {
      const first = await instance.accessTokenFor(mailbox.id);
      await harness.passRefreshTime(mailbox);
      plan(fault);
      assert.equal(await instance.accessTokenFor(mailbox.id), first);
      const { failures, refused } = await harness.grantOf(mailbox);
      assert.deepEqual([failures, refused], [1, false]);
      assert.equal(await statusOf(), "connected");
      harness.clock.advance(5 * MINUTE_MS);
      const second = await instance.accessTokenFor(mailbox.id);
      assert.notEqual(second, first);
      assert.equal((await harness.grantOf(mailbox)).failures, 0);
    });
  }

  it("without a token in hand is told as such, and not as the owner's fault", async () => {
    await harness.passEnd(mailbox);
    plan({ kind: "cut-before" });
    await assert.rejects(instance.accessTokenFor(mailbox.id), { name: "EntraError", code: "ENTRA_UNAVAILABLE" });
    assert.equal((await harness.grantOf(mailbox)).refused, false);
    assert.equal(await statusOf(), "connected");
  });

  it("makes Deskpost leave Entra alone for 1, 2, 4 … minutes, whichever instance is asked", async () => {
    await harness.passEnd(mailbox);
    plan({ kind: "answer", answer: entraErrorAnswer(new EntraError(90033)) }, 3);
    for (const minutes of [1, 2, 4]) {
      await assert.rejects(instance.accessTokenFor(mailbox.id), { code: "ENTRA_UNAVAILABLE" });
      const requests = refreshes();
      harness.clock.advance((minutes - 0.1) * MINUTE_MS);
      await assert.rejects(harness.instance().accessTokenFor(mailbox.id), { code: "TOKEN_UNAVAILABLE" });
      assert.equal(refreshes(), requests);
      harness.clock.advance(0.1 * MINUTE_MS);
    }
    harness.assertServes(mailbox, await instance.accessTokenFor(mailbox.id));
  });

  it("makes Deskpost wait for as long as Entra asks, in seconds or until a date", async () => {
    for (const retryAfter of [() => "1800", () => new Date(Date.now() + 30 * MINUTE_MS).toUTCString()]) {
      await harness.passEnd(mailbox);
      const headers = { "retry-after": retryAfter() };
      plan({ kind: "answer", answer: { status: 429, headers, body: "Too Many Requests" } });
      await assert.rejects(instance.accessTokenFor(mailbox.id), { code: "ENTRA_UNAVAILABLE" });
      harness.clock.advance(29 * MINUTE_MS);
      await assert.rejects(instance.accessTokenFor(mailbox.id), { code: "TOKEN_UNAVAILABLE" });
      harness.clock.advance(MINUTE_MS);
      harness.assertServes(mailbox, await instance.accessTokenFor(mailbox.id));
    }
  });

  it("never makes Deskpost wait for longer than a day, whatever Entra asks (law 10)", async () => {
    await harness.passEnd(mailbox);
    plan({
      kind: "answer",
      answer: { status: 429, headers: { "retry-after": "31536000" }, body: "Too Many Requests" },
    });
    await assert.rejects(instance.accessTokenFor(mailbox.id), { code: "ENTRA_UNAVAILABLE" });
    harness.clock.advance(DAY_MS);
    harness.assertServes(mailbox, await instance.accessTokenFor(mailbox.id));
  });

  it("of Key Vault after Entra's answer does not keep the lease: the next call tries again at once", async () => {
    await harness.passEnd(mailbox);
    const broken = harness.instance({
      sealer: (sealer) => ({ ...sealer, seal: () => Promise.reject(new Error("Key Vault does not answer")) }),
    });
    await assert.rejects(broken.accessTokenFor(mailbox.id), /Key Vault does not answer/);
    assert.equal((await harness.grantOf(mailbox)).leaseUntil, undefined);
    harness.assertServes(mailbox, await instance.accessTokenFor(mailbox.id));
  });

  it("of storage is thrown as it is, and changes nothing", async () => {
    await harness.passEnd(mailbox);
    const broken = harness.instance({
      grants: (grants) => ({ ...grants, read: () => Promise.reject(new Error("storage does not answer")) }),
    });
    await assert.rejects(broken.accessTokenFor(mailbox.id), /storage does not answer/);
    harness.assertServes(mailbox, await instance.accessTokenFor(mailbox.id));
  });
});
