import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { type ExampleMailbox, HOUR_MS, MINUTE_MS, useTokenHarness } from "./token-harness.ts";
import { CLIENT_ID } from "./token-instance.ts";

const harness = useTokenHarness();
const refreshes = () => harness.entra.tokenRequests.refresh_token;

describe("while Entra refuses the application", () => {
  const mailboxes: ExampleMailbox[] = [];

  before(async () => {
    for (let count = 0; count < 6; count += 1) mailboxes.push(await harness.connectedMailbox());
    harness.clock.advance(2 * HOUR_MS);
    harness.entra.expireSecrets(CLIENT_ID);
  });

  /** A tick of two instances: every mailbox asks for a token. Gives how many got one. */
  async function tick(): Promise<number> {
    harness.clock.advance(MINUTE_MS);
    const instances = [harness.instance(), harness.instance()];
    let served = 0;
    for (const [index, { id }] of mailboxes.entries()) {
      try {
        await instances[index % 2]?.accessTokenFor(id);
        served += 1;
      } catch (error) {
        assert.equal((error as { code?: unknown }).code, "APP_MISCONFIGURED");
      }
    }
    return served;
  }

  it("one mailbox a minute tries again, for all of them", async () => {
    await tick();
    for (let minute = 0; minute < 5; minute += 1) {
      const asked = refreshes();
      assert.equal(await tick(), 0);
      assert.equal(refreshes() - asked, 1);
    }
  });

  it("nobody but that one waits for anything: a token in hand serves", async () => {
    await harness.renewClientSecret();
    const fresh = await harness.connectedMailbox();
    harness.entra.expireSecrets(CLIENT_ID);
    await harness.passRefreshTime(fresh);
    await tick();
    harness.assertServes(fresh, await harness.instance().accessTokenFor(fresh.id));
  });

  it("all work again with the first tick after the credential was put right", async () => {
    await harness.renewClientSecret();
    assert.equal(await tick(), mailboxes.length);
    assert.equal(await harness.instance().registry.alarm(), undefined);
  });
});

describe("while one tenant has removed the application", () => {
  for (const first of ["the tenant's own mailbox", "another tenant's mailbox"] as const) {
    it(`no other is kept from its tokens, and nobody is alarmed (${first} comes first)`, async () => {
      const [theirs, others] = [await harness.connectedMailbox(), await harness.connectedMailbox()];
      await harness.passEnd(theirs);
      harness.entra.refuseRefresh(7_000_229, theirs.account.oid);
      const instance = harness.instance();
      const order = first === "the tenant's own mailbox" ? [theirs, others] : [others, theirs];
      for (const mailbox of order) {
        const asked = instance.accessTokenFor(mailbox.id);
        if (mailbox === theirs) await assert.rejects(asked, { code: "ADMIN_REQUIRED" });
        else harness.assertServes(mailbox, await asked);
      }
      assert.equal(await instance.registry.alarm(), undefined);
      harness.entra.refuseRefresh(undefined, theirs.account.oid);
    });
  }
});
