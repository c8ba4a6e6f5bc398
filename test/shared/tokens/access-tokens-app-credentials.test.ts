import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import {
  CLIENT_ID,
  CLIENT_SECRET_NAME,
  type ExampleMailbox,
  HOUR_MS,
  type Instance,
  startTokenBed,
  type TokenBed,
} from "./token-bed.ts";

let bed: TokenBed;
let mailbox: ExampleMailbox;
let instance: Instance;

before(async () => {
  bed = await startTokenBed();
});
beforeEach(async () => {
  mailbox = await bed.connectedMailbox();
  instance = bed.instance();
  await instance.registry.setAlarm(undefined);
});
after(async () => {
  bed.assertNothingLeaked();
  await bed.stop();
});

function assertServes(token: string): void {
  const described = bed.entra.describeAccessToken(token);
  assert.equal(described?.oid, mailbox.account.oid);
  assert.ok(described.expiresAt.getTime() > Date.now());
}

async function passRefreshTime(): Promise<void> {
  bed.clock.advanceTo((await bed.grantOf(mailbox)).refreshAt);
}

async function passEnd(): Promise<void> {
  bed.clock.advanceTo((await bed.grantOf(mailbox)).expiresAt);
}

describe("a client secret that has expired", () => {
  beforeEach(() => bed.entra.expireSecrets(CLIENT_ID));
  afterEach(() => bed.renewClientSecret());

  it("raises one alarm for the whole app, and changes no mailbox", async () => {
    const second = await bed.addMailbox();
    await bed.renewClientSecret();
    await bed.connect(second);
    bed.entra.expireSecrets(CLIENT_ID);
    bed.clock.advance(2 * HOUR_MS);

    const alarms = bed.logged("app misconfigured");
    for (const { id } of [mailbox, second, mailbox, second]) {
      await assert.rejects(instance.accessTokenFor(id), { name: "EntraError", code: "APP_MISCONFIGURED" });
    }
    assert.equal(bed.logged("app misconfigured") - alarms, 1);
    const alarm = await instance.registry.alarm();
    assert.equal(alarm?.code, "APP_MISCONFIGURED");
    assert.match(alarm.message, /AADSTS7000222/);
    assert.equal((await instance.registry.get(mailbox.id))?.status, "connected");
    assert.equal((await bed.grantOf(mailbox)).refused, false);
  });

  it("leaves the token in hand to serve until its end, and still raises the alarm", async () => {
    const first = await instance.accessTokenFor(mailbox.id);
    await passRefreshTime();
    assert.equal(await instance.accessTokenFor(mailbox.id), first);
    assert.equal((await instance.registry.alarm())?.code, "APP_MISCONFIGURED");
  });

  it("is over as soon as Key Vault has a valid one, with no other action, and the alarm ends", async () => {
    await passEnd();
    await assert.rejects(instance.accessTokenFor(mailbox.id), { code: "APP_MISCONFIGURED" });
    await bed.renewClientSecret();
    assertServes(await instance.accessTokenFor(mailbox.id));
    assert.equal(await instance.registry.alarm(), undefined, "the alarm of a fault that is over stays up");
    assert.equal(bed.logged("app configured again"), 1);
  });

  it("is told apart from one that is missing in Key Vault: that names the secret to store", async () => {
    await passEnd();
    const unset = bed.instance({ authentication: { kind: "client-secret", secretName: "no-such-secret" } });
    await assert.rejects(unset.accessTokenFor(mailbox.id), {
      code: "APP_MISCONFIGURED",
      message: /^Key Vault has no secret "no-such-secret": store the application's client secret there/,
    });
    assert.equal((await instance.registry.alarm())?.code, "APP_MISCONFIGURED");
    assert.ok(bed.keyVault.read(CLIENT_SECRET_NAME).length > 0);
  });
});
