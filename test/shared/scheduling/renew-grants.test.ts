import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { DAY_MS, type ExampleMailbox, useTokenBed } from "../tokens/token-harness.ts";
import type { Instance } from "../tokens/token-instance.ts";

const bed = useTokenBed();
let instance: Instance;

// Nothing is left of the test before: the function looks at all mailboxes there are.
beforeEach(async () => {
  instance = bed.instance();
  for (const { mailboxId } of await instance.grants.list()) await instance.grants.remove(mailboxId);
  for (const { id } of await instance.registry.list()) await instance.registry.remove(id);
});

const statusOf = async ({ id }: ExampleMailbox) => (await instance.registry.get(id))?.status;
const savedAt = async (mailbox: ExampleMailbox) => (await bed.grantOf(mailbox)).refreshTokenSavedAt.getTime();

describe("keeping tokens", () => {
  it("renews what nobody used for a week, paused mailboxes too, and leaves the rest alone", async () => {
    const idle = await bed.connectedMailbox();
    const paused = await bed.connectedMailbox();
    await instance.changeMailbox.pause(paused.id);
    bed.clock.advance(6 * DAY_MS);
    const young = await bed.connectedMailbox();
    const youngSince = await savedAt(young);
    assert.deepEqual(await instance.keepTokens(), { renewed: 0, failed: 0, endingSoon: 0 });

    bed.clock.advance(DAY_MS);
    assert.deepEqual(await instance.keepTokens(), { renewed: 2, failed: 0, endingSoon: 0 });
    for (const mailbox of [idle, paused]) assert.ok(Date.now() - (await savedAt(mailbox)) < 60_000);
    assert.equal(await savedAt(young), youngSince);
    assert.equal(await statusOf(paused), "paused");
    assert.equal(bed.keyVault.writes((await bed.grantOf(idle)).secretName), 2);
  });

  it("once a day keeps an idle mailbox connected for a year", async () => {
    const mailbox = await bed.connectedMailbox();
    for (let day = 0; day < 365; day += 5) {
      bed.clock.advance(5 * DAY_MS);
      await instance.keepTokens();
    }
    await instance.accessTokenFor(mailbox.id);
    assert.equal(await statusOf(mailbox), "connected");
  });

  it("tells a mailbox that its owner must act, and goes on with the others", async () => {
    const revoked = await bed.connectedMailbox();
    const fine = await bed.connectedMailbox();
    bed.entra.revoke(revoked.account.oid);
    bed.clock.advance(8 * DAY_MS);
    assert.deepEqual(await instance.keepTokens(), { renewed: 1, failed: 1, endingSoon: 0 });
    assert.equal(await statusOf(revoked), "needs-owner");
    assert.equal(await statusOf(fine), "connected");
    const requests = bed.entra.tokenRequests.refresh_token;
    assert.deepEqual(await instance.keepTokens(), { renewed: 0, failed: 0, endingSoon: 0 });
    assert.equal(bed.entra.tokenRequests.refresh_token, requests, "a dead grant is not tried again");
  });

  it("tries a mailbox that its organisation blocks every day, and connects it when that is over", async () => {
    const blocked = await bed.connectedMailbox();
    bed.entra.refuseRefresh(53003, blocked.account.oid);
    bed.clock.advance(8 * DAY_MS);
    assert.deepEqual(await instance.keepTokens(), { renewed: 0, failed: 1, endingSoon: 0 });
    assert.equal(await statusOf(blocked), "needs-admin");
    bed.clock.advance(DAY_MS);
    assert.deepEqual(await instance.keepTokens(), { renewed: 0, failed: 1, endingSoon: 0 });
    bed.entra.refuseRefresh(undefined, blocked.account.oid);
    bed.clock.advance(DAY_MS);
    assert.deepEqual(await instance.keepTokens(), { renewed: 1, failed: 0, endingSoon: 0 });
    assert.equal(await statusOf(blocked), "connected");
  });

  it("changes no mailbox while Entra is away", async () => {
    const mailbox = await bed.connectedMailbox();
    bed.clock.advance(8 * DAY_MS);
    bed.entra.server.setDown(true);
    assert.deepEqual(await instance.keepTokens(), { renewed: 0, failed: 1, endingSoon: 0 });
    bed.entra.server.setDown(false);
    assert.equal(await statusOf(mailbox), "connected");
    assert.deepEqual(await instance.keepTokens(), { renewed: 1, failed: 0, endingSoon: 0 });
  });

  it("goes on where a mailbox was removed in between (law 6)", async () => {
    const removed = await bed.connectedMailbox();
    const fine = await bed.connectedMailbox();
    await instance.registry.remove(removed.id);
    bed.entra.refuseRefresh(53003, removed.account.oid);
    bed.clock.advance(8 * DAY_MS);
    assert.deepEqual(await instance.keepTokens(), { renewed: 1, failed: 0, endingSoon: 0 });
    assert.equal(await instance.grants.read(removed.id), undefined, "a grant without a mailbox is removed");
    assert.equal(await statusOf(fine), "connected");
  });

  it("warns a month ahead of the end of a grant that nothing could renew", async () => {
    const mailbox = await bed.connectedMailbox();
    bed.entra.refuseRefresh(90033, mailbox.account.oid);
    bed.clock.advance(59 * DAY_MS);
    assert.deepEqual(await instance.keepTokens(), { renewed: 0, failed: 1, endingSoon: 0 });
    bed.clock.advance(2 * DAY_MS);
    assert.deepEqual(await instance.keepTokens(), { renewed: 0, failed: 1, endingSoon: 1 });
    assert.equal(bed.logged("grant ends soon"), 1);
    assert.equal(await statusOf(mailbox), "connected");
    bed.entra.refuseRefresh(undefined, mailbox.account.oid);
    assert.deepEqual(await instance.keepTokens(), { renewed: 1, failed: 0, endingSoon: 0 });
  });

  it("logs how it went", async () => {
    const before = bed.logged("tokens kept");
    await instance.keepTokens();
    assert.equal(bed.logged("tokens kept"), before + 1);
    assert.match(bed.logLines.at(-1) ?? "", /"renewed":0,"failed":0/);
  });
});
