import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { QueueClient } from "@azure/storage-queue";
import { createAbandonedFetches } from "../../../shared/scheduling/abandoned-fetches.ts";
import { createFetchDueMailboxes } from "../../../shared/scheduling/fetch-due-mailboxes.ts";
import { createFetchQueue } from "../../../shared/scheduling/fetch-queue-azure.ts";
import { createQueueFetch, createQueueFetches } from "../../../shared/scheduling/queue-fetches.ts";
import { type ConnectedMailbox, MINUTE_MS, now, useMailHarness } from "../mail/mail-harness.ts";

const harness = useMailHarness({ storage: "azurite" });
let queue: QueueClient;
beforeEach(() => {
  queue = new QueueClient(harness.storage.azurite.connectionString, "mailbox-fetches");
});

const credential = { getToken: async () => assert.fail("Azurite is reached with its key") };

/** As a process that has just started. */
function queueFetches(ids: readonly string[]): Promise<number> {
  const { registry, log, storage } = harness;
  const fetchQueue = createFetchQueue({ storage: storage.azurite, credential });
  return createQueueFetches({ registry, queue: fetchQueue, log, now })(ids);
}

/** One, because somebody asks for it. */
function queueFetch(id: string): Promise<boolean> {
  const { registry, log, storage } = harness;
  const fetchQueue = createFetchQueue({ storage: storage.azurite, credential });
  return createQueueFetch({ registry, queue: fetchQueue, log, now })(id);
}

/** The mailboxes that messages name. */
async function messages(): Promise<string[]> {
  const { receivedMessageItems } = await queue.receiveMessages({ numberOfMessages: 32, visibilityTimeout: 1 });
  return receivedMessageItems.map(({ messageText }) => {
    const { mailboxId, ...rest } = JSON.parse(messageText);
    assert.deepEqual(rest, {});
    return mailboxId;
  });
}

async function connectSome(count: number): Promise<ConnectedMailbox[]> {
  const mailboxes: ConnectedMailbox[] = [];
  for (let index = 0; index < count; index += 1)
    mailboxes.push(await harness.connect({ address: `history-${index}@example.com` }));
  return mailboxes;
}

describe("a mailbox that is left to the queue", () => {
  it("gets one message that names it, in the queue that is made where there is none", async () => {
    const mailboxes = await connectSome(3);
    const ids = mailboxes.map(({ id }) => id);
    assert.equal(await queueFetches(ids), 3);
    assert.deepEqual((await messages()).toSorted(), ids.toSorted());
    assert.deepEqual(await harness.registry.due(now()), []);
  });

  it("gets none where it was removed meanwhile, and the others get theirs", async () => {
    const [removed, other] = await connectSome(2);
    await harness.registry.remove(removed?.id ?? "");
    assert.equal(await queueFetches([removed?.id ?? "", other?.id ?? ""]), 1);
    assert.deepEqual(await messages(), [other?.id]);
  });

  it("is due again once its run begins, whatever becomes of the run", async () => {
    const [mailbox = assert.fail()] = await connectSome(1);
    await queueFetches([mailbox.id]);
    const lease = await harness.lease(mailbox);
    assert.deepEqual(await harness.run(mailbox), { kind: "skipped", reason: "busy" });
    assert.deepEqual(await harness.registry.due(now()), [mailbox.id]);
    await lease.release();
    await queueFetches([mailbox.id]);
    assert.equal((await harness.run(mailbox)).kind, "fetched");
    assert.equal((await mailbox.stored()).queuedUntil, undefined);
  });

  it("whose message is lost is due again when the message would be over; so there are never two", async () => {
    const [mailbox = assert.fail()] = await connectSome(1);
    await queueFetches([mailbox.id]);
    harness.clock.advance(14 * MINUTE_MS);
    assert.deepEqual(await harness.registry.due(now()), []);
    assert.equal((await messages()).length, 1);
    harness.clock.advance(MINUTE_MS + 1_000);
    assert.deepEqual(await harness.registry.due(now()), [mailbox.id]);
    assert.equal((await messages()).length, 0);
  });

  it("is due at the next tick where the queue takes no message, and somebody is told once", async () => {
    const mailboxes = await connectSome(2);
    await queue.create();
    const down = { kind: "refuse", refusal: "condition-not-met" } as const;
    for (const _ of mailboxes) await harness.storage.azurite.faults.plan(down, { service: "queue", method: "POST" });
    assert.equal(await queueFetches(mailboxes.map(({ id }) => id)), 0);
    assert.equal((await harness.registry.due(now())).length, 2);
    const told = harness.events.filter(({ event }) => event === "fetches not queued");
    assert.deepEqual(
      told.map(({ code }) => code),
      ["STORAGE_UNAVAILABLE"],
    );
  });
});

describe("a mailbox that somebody wants to be fetched now", () => {
  it("gets one message, however often and by however many it is asked for", async () => {
    const [mailbox = assert.fail()] = await connectSome(1);
    await Promise.all([queueFetch(mailbox.id), queueFetch(mailbox.id), queueFetch(mailbox.id)]);
    await queueFetch(mailbox.id);
    assert.deepEqual(await messages(), [mailbox.id]);
    assert.deepEqual(await harness.registry.due(now()), [], "and none by a tick");
  });

  it("gets another as soon as the run of the first has begun, or its message is over", async () => {
    const [mailbox = assert.fail()] = await connectSome(1);
    await queueFetch(mailbox.id);
    await queue.clearMessages();
    await harness.run(mailbox);
    await queueFetch(mailbox.id);
    assert.equal((await messages()).length, 1);
    harness.clock.advance(15 * MINUTE_MS + 1_000);
    assert.equal((await messages()).length, 0);
    await queueFetch(mailbox.id);
    assert.equal((await messages()).length, 1);
  });

  it("gets no second one from the tick that was fetching it meanwhile", async () => {
    const [mailbox = assert.fail()] = await connectSome(1);
    const { registry, log } = harness;
    const fetchMailbox = async () => {
      await queueFetch(mailbox.id);
      return { more: true };
    };
    const deps = { registry, fetchMailbox, queueFetches, queueFetch, log, now };
    await createFetchDueMailboxes({ ...deps, budgetMs: MINUTE_MS, concurrency: 1 })();
    assert.deepEqual(await messages(), [mailbox.id]);
  });

  it("gets none where it is paused or gone", async () => {
    const [paused = assert.fail(), removed = assert.fail()] = await connectSome(2);
    await queue.createIfNotExists();
    await harness.registry.update(await paused.stored(), { status: "paused" });
    await harness.registry.remove(removed.id);
    for (const { id } of [paused, removed]) await queueFetch(id);
    assert.deepEqual(await messages(), []);
  });

  it("is due at the next tick where the queue takes no message, and somebody is told", async () => {
    const [mailbox = assert.fail()] = await connectSome(1);
    await queue.createIfNotExists();
    const down = { kind: "refuse", refusal: "condition-not-met" } as const;
    await harness.storage.azurite.faults.plan(down, { service: "queue", method: "POST" });
    await queueFetch(mailbox.id);
    assert.deepEqual(await harness.registry.due(now()), [mailbox.id]);
    assert.ok(
      harness.events.some(({ event, mailboxId }) => event === "fetches not queued" && mailboxId === mailbox.id),
    );
  });
});

describe("a fetch that the queue gave up on", () => {
  it("stands on the mailbox and in the log, until a run succeeds", async () => {
    const [mailbox = assert.fail()] = await connectSome(1);
    await queueFetches([mailbox.id]);
    await createAbandonedFetches({ registry: harness.registry, log: harness.log, now })(mailbox.id);
    assert.equal((await mailbox.stored()).lastError?.code, "FETCH_ABANDONED");
    assert.deepEqual(await harness.registry.due(now()), [mailbox.id]);
    assert.ok(
      harness.events.some(({ event, mailboxId }) => event === "mailbox fetch abandoned" && mailboxId === mailbox.id),
    );
    await harness.run(mailbox);
    assert.equal((await mailbox.stored()).lastError, undefined);
  });

  it("and that names no mailbox is told as such, for the alert", async () => {
    await createAbandonedFetches({ registry: harness.registry, log: harness.log, now })(undefined);
    assert.ok(harness.events.some(({ code, mailboxId }) => code === "FETCH_UNREADABLE" && mailboxId === "unreadable"));
  });

  it("of a mailbox that is gone is only told", async () => {
    await createAbandonedFetches({ registry: harness.registry, log: harness.log, now })("0123456789abcdef");
    assert.ok(harness.events.some(({ event, listed }) => event === "mailbox fetch abandoned" && listed === false));
  });
});
