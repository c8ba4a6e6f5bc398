import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { DAY_MS, type ExampleMailbox, useTokenHarness } from "../tokens/token-harness.ts";
import type { Instance } from "../tokens/token-instance.ts";

const harness = useTokenHarness();
let instance: Instance;

// Nothing is left of the test before: the function looks at all mailboxes there are.
beforeEach(async () => {
  instance = harness.instance();
  for (const { mailboxId } of await instance.grants.list()) await instance.grants.remove(mailboxId);
  for (const { id } of await instance.registry.list()) await instance.registry.remove(id);
});

const statusOf = async ({ id }: ExampleMailbox) => (await instance.registry.get(id))?.status;
const savedAt = async (mailbox: ExampleMailbox) => (await harness.grantOf(mailbox)).refreshTokenSavedAt.getTime();

describe("keeping tokens", () => {
  it("renews what nobody used for a week, paused mailboxes too, and leaves the rest alone", async () => {
    const idle = await harness.connectedMailbox();
    const paused = await harness.connectedMailbox();
    await instance.changeMailbox.pause(paused.id);
    harness.clock.advance(6 * DAY_MS);
    const young = await harness.connectedMailbox();
    const youngSince = await savedAt(young);
    assert.deepEqual(await instance.renewGrants(), { renewed: 0, failed: 0, endingSoon: 0 });

    harness.clock.advance(DAY_MS);
    assert.deepEqual(await instance.renewGrants(), { renewed: 2, failed: 0, endingSoon: 0 });
    for (const mailbox of [idle, paused]) assert.ok(Date.now() - (await savedAt(mailbox)) < 60_000);
    assert.equal(await savedAt(young), youngSince);
    assert.equal(await statusOf(paused), "paused");
    assert.equal(harness.keyVault.writes((await harness.grantOf(idle)).secretName), 2);
  });

  it("once a day keeps an idle mailbox connected for a year", async () => {
    const mailbox = await harness.connectedMailbox();
    for (let day = 0; day < 365; day += 5) {
      harness.clock.advance(5 * DAY_MS);
      await instance.renewGrants();
    }
    await instance.accessTokenFor(mailbox.id);
    assert.equal(await statusOf(mailbox), "connected");
  });

  it("tells a mailbox that its owner must act, and goes on with the others", async () => {
    const revoked = await harness.connectedMailbox();
    const fine = await harness.connectedMailbox();
    harness.entra.revoke(revoked.account.oid);
    harness.clock.advance(8 * DAY_MS);
    assert.deepEqual(await instance.renewGrants(), { renewed: 1, failed: 1, endingSoon: 0 });
    assert.equal(await statusOf(revoked), "needs-owner");
    assert.equal(await statusOf(fine), "connected");
    const requests = harness.entra.tokenRequests.refresh_token;
    assert.deepEqual(await instance.renewGrants(), { renewed: 0, failed: 0, endingSoon: 0 });
    assert.equal(harness.entra.tokenRequests.refresh_token, requests, "a dead grant is not tried again");
  });

  it("tries a mailbox that its organisation blocks every day, and connects it when that is over", async () => {
    const blocked = await harness.connectedMailbox();
    harness.entra.refuseRefresh(53003, blocked.account.oid);
    harness.clock.advance(8 * DAY_MS);
    assert.deepEqual(await instance.renewGrants(), { renewed: 0, failed: 1, endingSoon: 0 });
    assert.equal(await statusOf(blocked), "needs-admin");
    harness.clock.advance(DAY_MS);
    assert.deepEqual(await instance.renewGrants(), { renewed: 0, failed: 1, endingSoon: 0 });
    harness.entra.refuseRefresh(undefined, blocked.account.oid);
    harness.clock.advance(DAY_MS);
    assert.deepEqual(await instance.renewGrants(), { renewed: 1, failed: 0, endingSoon: 0 });
    assert.equal(await statusOf(blocked), "connected");
  });

  it("changes no mailbox while Entra is away", async () => {
    const mailbox = await harness.connectedMailbox();
    harness.clock.advance(8 * DAY_MS);
    harness.entra.server.setDown(true);
    assert.deepEqual(await instance.renewGrants(), { renewed: 0, failed: 1, endingSoon: 0 });
    harness.entra.server.setDown(false);
    assert.equal(await statusOf(mailbox), "connected");
    assert.deepEqual(await instance.renewGrants(), { renewed: 1, failed: 0, endingSoon: 0 });
  });

  it("goes on where a mailbox was removed in between (law 6)", async () => {
    const removed = await harness.connectedMailbox();
    const fine = await harness.connectedMailbox();
    await instance.registry.remove(removed.id);
    harness.entra.refuseRefresh(53003, removed.account.oid);
    harness.clock.advance(8 * DAY_MS);
    assert.deepEqual(await instance.renewGrants(), { renewed: 1, failed: 0, endingSoon: 0 });
    assert.equal(await instance.grants.read(removed.id), undefined, "a grant without a mailbox is removed");
    assert.equal(await statusOf(fine), "connected");
  });

  it("warns a month ahead of the end of a grant that nothing could renew", async () => {
    const mailbox = await harness.connectedMailbox();
    harness.entra.refuseRefresh(90033, mailbox.account.oid);
    harness.clock.advance(59 * DAY_MS);
    assert.deepEqual(await instance.renewGrants(), { renewed: 0, failed: 1, endingSoon: 0 });
    harness.clock.advance(2 * DAY_MS);
    assert.deepEqual(await instance.renewGrants(), { renewed: 0, failed: 1, endingSoon: 1 });
    assert.equal(harness.logged("grant ends soon"), 1);
    assert.equal(await statusOf(mailbox), "connected");
    harness.entra.refuseRefresh(undefined, mailbox.account.oid);
    assert.deepEqual(await instance.renewGrants(), { renewed: 1, failed: 0, endingSoon: 0 });
  });

  it("logs how it went", async () => {
    const before = harness.logged("tokens kept");
    await instance.renewGrants();
    assert.equal(harness.logged("tokens kept"), before + 1);
    assert.match(harness.logLines.at(-1) ?? "", /"renewed":0,"failed":0/);
  });
});
