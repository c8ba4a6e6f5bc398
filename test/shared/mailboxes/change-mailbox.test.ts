import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { type ChangeMailbox, createChangeMailbox } from "../../../shared/mailboxes/change-mailbox.ts";
import type { MailboxChanges, MailboxStatus, StoredMailbox } from "../../../shared/mailboxes/mailbox.ts";
import type { NewMailbox } from "../../../shared/mailboxes/new-mailbox.ts";
import { AppError } from "../../../shared/platform/errors.ts";
import { createLog } from "../../../shared/telemetry/log.ts";
import { noActivity } from "../activity/no-activity.ts";
import { goThroughMicrosoft, HOUR_MS, useTokenHarness } from "../tokens/token-harness.ts";
import type { Instance } from "../tokens/token-instance.ts";

const harness = useTokenHarness();
let instance: Instance;
let changeMailbox: ChangeMailbox;
let logged: string[];
let forgotten: string[];
let mailboxes = 0;

beforeEach(() => {
  instance = harness.instance();
  logged = [];
  forgotten = [];
  changeMailbox = createChangeMailbox({
    registry: instance.registry,
    deskNames: ["support", "sales"],
    tryDeskNow: async () => {},
    queueFetch: async () => {},
    forgetCheckpoint: async (id) => void forgotten.push(id),
    removeGrant: (id) => instance.grants.remove(id),
    activity: noActivity,
    log: createLog((_, line) => logged.push((JSON.parse(line) as { event: string }).event)),
    now: () => new Date(),
  });
});

function wanted(changes: Partial<NewMailbox> = {}): NewMailbox {
  mailboxes += 1;
  const address = `change${mailboxes}@contoso.test`;
  return {
    address,
    folder: "inbox",
    desk: "support",
    deliverFrom: undefined,
    acknowledge: { kind: "nothing" },
    access: "owner",
    ...changes,
  };
}

/** A mailbox in the list, in the state that the test starts from. */
async function stored(changes: MailboxChanges = {}): Promise<StoredMailbox> {
  const added = await changeMailbox.add(wanted());
  logged.length = 0;
  return instance.registry.update(added, changes);
}

async function get({ id }: { readonly id: string }): Promise<StoredMailbox> {
  const mailbox = await instance.registry.get(id);
  assert.ok(mailbox);
  return mailbox;
}

const ownerRefusal = new AppError("CONSENT_REQUIRED", "its owner must connect it again");
const adminRefusal = new AppError("ADMIN_REQUIRED", "its administrator must allow it");

describe("adding a mailbox", () => {
  it("puts it into the list as new, due at once, with all that was asked for", async () => {
    const deliverFrom = new Date("2026-01-31T00:00:00Z");
    const request = wanted({ desk: "sales", deliverFrom, acknowledge: { kind: "move", folder: "archive" } });
    const added = await changeMailbox.add(request);
    const mailbox = await get(added);
    assert.partialDeepStrictEqual(mailbox, { ...request, status: "new", delivered: 0, refused: 0 });
    assert.ok(mailbox.nextFetchAt.getTime() <= Date.now());
    assert.deepEqual(logged, ["mailbox added"]);
  });

  it("is refused the second time, and again in other letters; another folder of it is another mailbox", async () => {
    const request = wanted();
    const first = await changeMailbox.add(request);
    const exists = { code: "MAILBOX_EXISTS", message: `The folder inbox of ${request.address} is in the list already` };
    await assert.rejects(changeMailbox.add(request), exists);
    await assert.rejects(changeMailbox.add({ ...request, folder: "INBOX" }), { code: "MAILBOX_EXISTS" });
    const second = await changeMailbox.add({ ...request, folder: "archive" });
    assert.notEqual(second.id, first.id);
  });

  it("is refused with a desk that the configuration does not name", async () => {
    await assert.rejects(changeMailbox.add(wanted({ desk: "Support" })), {
      code: "INPUT_INVALID",
      message: 'There is no desk "Support"; the setting DESKS names: support, sales',
    });
  });
});

describe("pausing a mailbox", () => {
  for (const status of ["new", "connected", "needs-owner", "needs-admin"] as const satisfies MailboxStatus[]) {
    it(`and resuming it gives its state back: ${status}`, async () => {
      const mailbox = await stored({ status, nextFetchAt: new Date(Date.now() + HOUR_MS) });
      await changeMailbox.pause(mailbox.id);
      await changeMailbox.pause(mailbox.id);
      assert.partialDeepStrictEqual(await get(mailbox), { status: "paused", statusBeforePause: status });
      await changeMailbox.resume(mailbox.id);
      await changeMailbox.resume(mailbox.id);
      const resumed = await get(mailbox);
      assert.deepEqual([resumed.status, resumed.statusBeforePause], [status, undefined]);
      assert.ok(resumed.nextFetchAt.getTime() <= Date.now(), "due at once");
      assert.deepEqual(logged, ["mailbox paused", "mailbox resumed"]);
    });
  }

  it("keeps it out of the ones that are due", async () => {
    const mailbox = await stored({ status: "connected" });
    const isDue = async () => (await instance.registry.due(new Date())).includes(mailbox.id);
    assert.equal(await isDue(), true);
    await changeMailbox.pause(mailbox.id);
    assert.equal(await isDue(), false);
  });
});

describe("fetching now", () => {
  it("makes a connected mailbox due, even one that Graph had slowed down", async () => {
    const later = new Date(Date.now() + HOUR_MS);
    const mailbox = await stored({ status: "connected", nextFetchAt: later, throttledUntil: later });
    assert.equal(await changeMailbox.fetchNow(mailbox.id), true);
    const { nextFetchAt, throttledUntil } = await get(mailbox);
    assert.ok(nextFetchAt.getTime() <= Date.now());
    assert.equal(throttledUntil, undefined);
  });

  it("does nothing to one that is not connected", async () => {
    for (const status of ["new", "paused", "needs-owner", "needs-admin"] as const) {
      const mailbox = await stored({ status });
      assert.equal(await changeMailbox.fetchNow(mailbox.id), false);
      assert.equal((await get(mailbox)).etag, mailbox.etag);
    }
  });
});

describe("after a consent", () => {
  it("a mailbox is connected and due, without the error of before", async () => {
    const lastError = { code: "CONSENT_REQUIRED", message: "x", at: new Date() };
    const mailbox = await stored({ status: "needs-owner", lastError, nextFetchAt: new Date(Date.now() + HOUR_MS) });
    await changeMailbox.connected(mailbox.id);
    const connected = await get(mailbox);
    assert.deepEqual([connected.status, connected.lastError], ["connected", undefined]);
    assert.ok(connected.nextFetchAt.getTime() <= Date.now());
  });

  it("mail counts from this second on, but from the date that was asked for where there is one", async () => {
    const fresh = await stored();
    await changeMailbox.connected(fresh.id);
    const { deliverFrom } = await get(fresh);
    assert.equal(deliverFrom?.getMilliseconds(), 0);
    assert.ok(Date.now() - deliverFrom.getTime() < 5_000);

    harness.clock.advance(HOUR_MS);
    await changeMailbox.connected(fresh.id);
    assert.deepEqual((await get(fresh)).deliverFrom, deliverFrom, "connecting again leaves no gap");
  });

  it("a paused mailbox stays paused, and is connected when it is resumed", async () => {
    const mailbox = await stored({ status: "paused", statusBeforePause: "needs-owner" });
    await changeMailbox.connected(mailbox.id);
    assert.equal((await get(mailbox)).status, "paused");
    await changeMailbox.resume(mailbox.id);
    assert.equal((await get(mailbox)).status, "connected");
  });
});

describe("after Entra's final no", () => {
  for (const [error, status, event] of [
    [ownerRefusal, "needs-owner", "mailbox needs its owner"],
    [adminRefusal, "needs-admin", "mailbox needs an administrator"],
  ] as const) {
    it(`a mailbox is ${status}, told once`, async () => {
      const mailbox = await stored({ status: "connected" });
      await changeMailbox.refused(mailbox.id, error);
      await changeMailbox.refused(mailbox.id, error);
      assert.partialDeepStrictEqual(await get(mailbox), {
        status,
        lastError: { code: error.code, message: error.message },
      });
      assert.deepEqual(logged, [event]);
    });
  }

  it("a paused mailbox stays paused, and says so when it is resumed", async () => {
    const mailbox = await stored({ status: "paused", statusBeforePause: "connected" });
    await changeMailbox.refused(mailbox.id, ownerRefusal);
    assert.equal((await get(mailbox)).status, "paused");
    await changeMailbox.resume(mailbox.id);
    assert.equal((await get(mailbox)).status, "needs-owner");
  });
});

describe("changes at the same moment", () => {
  it("are all made, in whichever order", async () => {
    const mailbox = await stored({ status: "connected" });
    await Promise.all([
      changeMailbox.pause(mailbox.id),
      changeMailbox.refused(mailbox.id, ownerRefusal),
      changeMailbox.pause(mailbox.id),
    ]);
    assert.partialDeepStrictEqual(await get(mailbox), { status: "paused", statusBeforePause: "needs-owner" });
  });

  it("of a mailbox that is not there are refused with what that means", async () => {
    const missing = {
      code: "MAILBOX_NOT_FOUND",
      message: "There is no mailbox nowhere: it was removed, or the link is mistyped",
    };
    for (const change of [
      () => changeMailbox.pause("nowhere"),
      () => changeMailbox.resume("nowhere"),
      () => changeMailbox.fetchNow("nowhere"),
      () => changeMailbox.remove("nowhere"),
      () => changeMailbox.connected("nowhere"),
      () => changeMailbox.refused("nowhere", ownerRefusal),
    ]) {
      await assert.rejects(change, missing);
    }
  });
});

describe("removing a mailbox", () => {
  it("forgets its grant, its refresh token, its checkpoint and itself", async () => {
    const mailbox = await harness.connectedMailbox();
    const { secretName } = await harness.grantOf(mailbox);
    await changeMailbox.remove(mailbox.id);
    assert.equal(await instance.registry.get(mailbox.id), undefined);
    assert.equal(await instance.grants.read(mailbox.id), undefined);
    assert.deepEqual(harness.keyVault.read(secretName), []);
    assert.deepEqual(forgotten, [mailbox.id]);
    assert.deepEqual(logged, ["mailbox removed"]);
    await assert.rejects(harness.instance().accessTokenFor(mailbox.id), { code: "CONSENT_REQUIRED" });
  });

  it("can be done again where it broke off, and leaves no refresh token behind then either", async () => {
    const mailbox = await harness.connectedMailbox();
    const { secretName } = await harness.grantOf(mailbox);
    harness.keyVault.server.plan(({ method }) => method === "DELETE", {
      kind: "answer",
      answer: { status: 403, body: '{"error":{"code":"Forbidden","message":"no"}}' },
    });
    await assert.rejects(changeMailbox.remove(mailbox.id), {
      code: "KEY_VAULT_UNAVAILABLE",
      message: /Key Vault Secrets Officer/,
    });
    assert.ok(await instance.registry.get(mailbox.id), "it is still in the list, so that somebody can try again");
    await changeMailbox.remove(mailbox.id);
    assert.deepEqual(
      harness.keyVault.read(secretName),
      [],
      "its refresh token is still in Key Vault, and nothing knows it",
    );
  });

  it("leaves no refresh token of an earlier consent behind", async () => {
    const mailbox = await harness.connectedMailbox();
    const earlier = await harness.grantOf(mailbox);
    await harness.connect(mailbox);
    await changeMailbox.remove(mailbox.id);
    assert.deepEqual(
      harness.keyVault.read(earlier.secretName),
      [],
      "the refresh token of the first consent is still there",
    );
  });

  it("leaves no grant behind, even where a consent was finishing at the same moment", async () => {
    const mailbox = await harness.addMailbox();
    const finishing = harness.instance({
      grants: (grants) => ({
        ...grants,
        saveRefreshToken: async (...saved) => {
          await changeMailbox.remove(mailbox.id);
          return grants.saveRefreshToken(...saved);
        },
      }),
    });
    const { cookie, callback } = await goThroughMicrosoft(finishing, mailbox);
    await finishing.consents.finish({ parameters: callback.fields, cookie: () => cookie.value });
    assert.equal(
      await instance.grants.read(mailbox.id),
      undefined,
      "a grant without a mailbox would be renewed for ever",
    );
  });

  it("and adding it again gives the same id, by which its ledger knows what was delivered", async () => {
    const request = wanted();
    const first = await changeMailbox.add(request);
    await changeMailbox.remove(first.id);
    assert.equal((await changeMailbox.add(request)).id, first.id);
  });
});
