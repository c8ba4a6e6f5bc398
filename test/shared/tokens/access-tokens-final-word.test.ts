import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { EntraError, entraErrorAnswer } from "../../simulator/entra/entra-errors.ts";
import { type ExampleMailbox, HOUR_MS, isTokenRequest, useTokenHarness } from "./token-harness.ts";
import type { Instance } from "./token-instance.ts";

const harness = useTokenHarness();
let mailbox: ExampleMailbox;
let instance: Instance;

beforeEach(async () => {
  mailbox = await harness.connectedMailbox();
  instance = harness.instance();
});

const entraSays = (code: number) =>
  harness.entra.server.plan(isTokenRequest, { kind: "answer", answer: entraErrorAnswer(new EntraError(code)) });

/** AADSTS70000 comes at times for nothing: https://github.com/BingAds/BingAds-Python-SDK/issues/279 */
describe("Entra's final word, said once", () => {
  it("does not end a grant where the version that the row names is gone, and only the newest could be tried", async () => {
    await instance.grants.update(await harness.grantOf(mailbox), { secretVersion: "0".repeat(32) });
    entraSays(70_000);
    await instance.renew(mailbox.id).catch(() => undefined);
    assert.equal((await harness.grantOf(mailbox)).refused, false);
    await instance.renew(mailbox.id);
  });

  for (const first of [53_003, 9_002_313]) {
    it(`does not end a grant after another refusal, AADSTS${first}`, async () => {
      entraSays(first);
      entraSays(70_000);
      await instance.renew(mailbox.id).catch(() => undefined);
      assert.equal((await harness.grantOf(mailbox)).refused, false);
      await instance.renew(mailbox.id);
    });
  }
});

describe("a grant that was refused", () => {
  it("says to every run that comes later that Microsoft refused it, not that there is none", async () => {
    harness.entra.revoke(mailbox.account.oid);
    await assert.rejects(instance.renew(mailbox.id), { code: "CONSENT_REQUIRED" });
    const later = await harness
      .instance()
      .renew(mailbox.id)
      .catch((error: Error) => error.message);
    assert.doesNotMatch(String(later), /No consent is stored/);
  });
});

describe("a refusal of one grant", () => {
  it("proves that Entra accepts the app: the alarm ends, and nobody else has to wait for it", async () => {
    const other = await harness.connectedMailbox();
    harness.entra.revoke(mailbox.account.oid);
    await instance.registry.raiseAlarm({ code: "APP_MISCONFIGURED", message: "over by now", since: new Date() });
    await harness.passEnd(other);
    harness.clock.advance(HOUR_MS);
    try {
      await assert.rejects(instance.accessTokenFor(mailbox.id), { code: "CONSENT_REQUIRED" });
      harness.assertServes(other, await instance.accessTokenFor(other.id));
    } finally {
      await instance.registry.clearAlarm();
    }
  });
});
