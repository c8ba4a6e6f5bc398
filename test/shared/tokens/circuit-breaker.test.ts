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
