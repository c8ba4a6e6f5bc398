import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type ExampleMailbox, HOUR_MS, useTokenHarness } from "./token-harness.ts";
import { CLIENT_ID, CLIENT_SECRET_NAME, type Instance } from "./token-instance.ts";

const harness = useTokenHarness();
let mailbox: ExampleMailbox;
let instance: Instance;

beforeEach(async () => {
  mailbox = await harness.connectedMailbox();
  instance = harness.instance();
  await instance.registry.clearAlarm();
});

describe("a client secret that has expired", () => {
  beforeEach(() => harness.entra.expireSecrets(CLIENT_ID));
  afterEach(() => harness.renewClientSecret());

  it("raises one alarm for the whole app, and changes no mailbox", async () => {
    const second = await harness.addMailbox();
    await harness.renewClientSecret();
    await harness.connect(second);
    harness.entra.expireSecrets(CLIENT_ID);
    harness.clock.advance(2 * HOUR_MS);

    const alarms = harness.logged("app misconfigured");
    for (const { id } of [mailbox, second, mailbox, second]) {
      await assert.rejects(instance.accessTokenFor(id), { code: "APP_MISCONFIGURED", message: /AADSTS7000222/ });
    }
    assert.equal(harness.logged("app misconfigured") - alarms, 1);
    const alarm = await instance.registry.alarm();
    assert.equal(alarm?.code, "APP_MISCONFIGURED");
    assert.match(alarm.message, /AADSTS7000222/);
    assert.equal((await instance.registry.get(mailbox.id))?.status, "connected");
    assert.equal((await harness.grantOf(mailbox)).refused, false);
  });

  it("leaves the token in hand to serve until its end, and still raises the alarm", async () => {
    const first = await instance.accessTokenFor(mailbox.id);
    await harness.passRefreshTime(mailbox);
    assert.equal(await instance.accessTokenFor(mailbox.id), first);
    assert.equal((await instance.registry.alarm())?.code, "APP_MISCONFIGURED");
  });

  it("is over as soon as Key Vault has a valid one, with no other action, and the alarm ends", async () => {
    await harness.passEnd(mailbox);
    await assert.rejects(instance.accessTokenFor(mailbox.id), { code: "APP_MISCONFIGURED" });
    await harness.renewClientSecret();
    harness.assertServes(mailbox, await instance.accessTokenFor(mailbox.id));
    assert.equal(await instance.registry.alarm(), undefined, "the alarm of a fault that is over stays up");
    assert.equal(harness.logged("app configured again"), 1);
  });

  it("is told apart from one that is missing in Key Vault: that names the secret to store", async () => {
    await harness.passEnd(mailbox);
    const unset = harness.instance({ authentication: { kind: "client-secret", secretName: "no-such-secret" } });
    await assert.rejects(unset.accessTokenFor(mailbox.id), {
      code: "APP_MISCONFIGURED",
      message: /^Key Vault has no secret "no-such-secret": store the application's client secret there/,
    });
    assert.equal((await instance.registry.alarm())?.code, "APP_MISCONFIGURED");
    assert.ok(harness.keyVault.read(CLIENT_SECRET_NAME).length > 0);
  });
});
