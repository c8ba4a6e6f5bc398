import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createLedger } from "../../../../shared/mail/ledger/ledger-table.ts";
import type { MailboxRegistry, MailboxStatus } from "../../../../shared/mailboxes/mailbox.ts";
import { createMailboxRegistry } from "../../../../shared/mailboxes/registry-table.ts";
import { AppError, type ErrorCode, RowChangedError } from "../../../../shared/platform/errors.ts";

import { json } from "../../../simulator/stand-in.ts";
import { createMemoryTables } from "../../../simulator/storage/memory-tables.ts";
import { ACCEPTED, at, deskThat, FAULT_OF_DESK } from "../fake-desk.ts";
import {
  asksForChanges,
  HOUR_MS,
  MINUTE_MS,
  NOON,
  now,
  readsContent,
  SECOND_MS,
  useMailHarness,
} from "../mail-harness.ts";

const harness = useMailHarness();

describe("a mailbox that is not to be fetched", () => {
  for (const status of ["new", "needs-owner", "needs-admin", "paused"] as const satisfies MailboxStatus[]) {
    it(`is left alone (${status})`, async () => {
      const mailbox = await harness.connect({ status });
      mailbox.receive("one");
      assert.deepEqual(await harness.run(mailbox), { kind: "skipped", reason: "not-connected" });
      assert.equal(harness.graph.requestCount, 0);
      assert.equal((await mailbox.stored()).lastFetchAt, undefined);
    });
  }

  for (const field of ["nextFetchAt", "throttledUntil"] as const) {
    it(`is left alone until its time (${field})`, async () => {
      const mailbox = await harness.connect({ [field]: new Date(NOON.getTime() + MINUTE_MS) });
      assert.deepEqual(await harness.run(mailbox), { kind: "skipped", reason: "not-due" });
      assert.equal(harness.graph.requestCount, 0);
      harness.clock.advance(MINUTE_MS);
      assert.equal((await harness.run(mailbox)).kind, "fetched");
    });
  }

  it("is skipped where it is in the list no more", async () => {
    const mailbox = await harness.connect();
    await harness.registry.remove(mailbox.id);
    assert.deepEqual(await harness.run(mailbox), { kind: "skipped", reason: "unknown" });
  });

  it("is another instance's at this moment: one of two works, and each mail goes out once", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one", "two");
    const outcomes = await Promise.all([harness.run(mailbox), harness.run(mailbox), harness.run(mailbox)]);
    assert.deepEqual(outcomes.map(({ kind }) => kind).sort(), ["fetched", "skipped", "skipped"]);
    assert.ok(outcomes.some((outcome) => outcome.kind === "skipped" && outcome.reason === "busy"));
    assert.deepEqual(harness.taken().sort(), ["one", "two"]);
    assert.equal((await mailbox.stored()).delivered, 2);
  });
});

describe("a run that finds nothing new", () => {
  it("asks little of storage, because most runs are such", async () => {
    const mailbox = await harness.connect();
    const requests: string[] = [];
    const tables = createMemoryTables().open({
      before: ({ table, operation }) => void requests.push(`${table} ${operation}`),
    });
    const deps = { registry: createMailboxRegistry(tables), ledger: createLedger({ tables, now }) };
    const { etag: _, ...stored } = await mailbox.stored();
    await deps.registry.add(stored);
    await harness.run(mailbox, { deps });
    requests.length = 0;
    assert.equal((await harness.run(mailbox, { deps })).kind, "fetched");
    assert.deepEqual(requests, [
      "Mailboxes getEntity",
      // The lease, with what was purged.
      "Ledger listEntities",
      "Ledger updateEntity",
      // Once more: only what is read under the lease counts.
      "Mailboxes getEntity",
      // What is due, and what is to be acknowledged.
      "Ledger listEntities",
      "Ledger listEntities",
      "Mailboxes updateEntity",
      // The checkpoint, and the lease given back.
      "Ledger submitTransaction",
    ]);
  });
});

describe("the report on the mailbox", () => {
  it("tells when it was fetched and what came through, and counts on", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one", "two");
    harness.webhook.standIn.plan(({ body }) => body.includes("Subject: two"), {
      kind: "answer",
      answer: { status: 422 },
    });
    await harness.run(mailbox);
    const first = await mailbox.stored();
    assert.deepEqual([first.delivered, first.refused, first.lastError], [1, 1, undefined]);
    for (const time of [first.lastFetchAt, first.lastSuccessAt, first.lastMailAt, first.nextFetchAt]) {
      assert.ok(time !== undefined && time >= NOON && time.getTime() < NOON.getTime() + MINUTE_MS);
    }
    harness.clock.advance(HOUR_MS);
    mailbox.receive("three");
    await harness.run(mailbox);
    const second = await mailbox.stored();
    assert.equal(second.delivered, 2);
    assert.notEqual(second.lastRun, first.lastRun);
  });

  it("keeps the time of the last mail where a run brought none", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one");
    await harness.run(mailbox);
    const { lastMailAt } = await mailbox.stored();
    harness.clock.advance(HOUR_MS);
    await harness.run(mailbox);
    assert.deepEqual((await mailbox.stored()).lastMailAt, lastMailAt);
  });

  it("tells what went wrong, until a run succeeds", async () => {
    const mailbox = await harness.connect();
    harness.graph.server.plan(asksForChanges, {
      kind: "answer",
      answer: json(403, { error: { code: "ErrorAccessDenied" } }),
    });
    assert.deepEqual(await harness.run(mailbox), { kind: "failed", code: "GRAPH_REFUSED" });
    const { lastError, lastSuccessAt } = await mailbox.stored();
    assert.equal(lastError?.code, "GRAPH_REFUSED");
    assert.match(lastError?.message ?? "", /lacks the right/);
    assert.equal(lastSuccessAt, undefined);
    await harness.run(mailbox);
    const after = await mailbox.stored();
    assert.equal(after.lastError, undefined);
    assert.notEqual(after.lastSuccessAt, undefined);
  });

  it("calls a desk that fails no success, and says which desk", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one");
    const failing = deskThat(() => ({ ...FAULT_OF_DESK, retryAfterMs: 5 * MINUTE_MS }));
    assert.deepEqual(await harness.run(mailbox, at(failing)), { kind: "fetched", more: false, delivered: 0 });
    const { lastError, lastSuccessAt, throttledUntil } = await mailbox.stored();
    assert.equal(lastError?.code, "DESK_UNAVAILABLE");
    assert.match(lastError?.message ?? "", /"webhook"/);
    assert.deepEqual([lastSuccessAt, throttledUntil], [undefined, undefined]);
    harness.clock.advance(4 * MINUTE_MS);
    await harness.run(mailbox, at(failing));
    assert.equal(failing.offered.length, 1);
    assert.equal((await mailbox.stored()).lastError?.code, "DESK_UNAVAILABLE");
  });

  it("names no secret, whatever an error says", async () => {
    const mailbox = await harness.connect();
    harness.tokens.failure = new AppError("TOKEN_UNAVAILABLE", "sent Bearer very.secret-token and failed");
    await harness.run(mailbox);
    const { lastError } = await mailbox.stored();
    assert.doesNotMatch(JSON.stringify([lastError, harness.events]), /very\.secret-token/);
  });

  it("survives somebody who pauses the mailbox meanwhile, and keeps the pause", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one");
    const pause = async () => {
      await harness.registry.update(await mailbox.stored(), { status: "paused", statusBeforePause: "connected" });
    };
    harness.graph.server.plan(readsContent(), { kind: "before", run: pause });
    await harness.run(mailbox);
    const { status, delivered } = await mailbox.stored();
    assert.deepEqual({ status, delivered }, { status: "paused", delivered: 1 });
  });

  it("is not missed where the mailbox was removed meanwhile", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one");
    harness.graph.server.plan(readsContent(), { kind: "before", run: () => harness.registry.remove(mailbox.id) });
    assert.equal((await harness.run(mailbox)).kind, "fetched");
    assert.equal(await harness.registry.get(mailbox.id), undefined);
  });

  it("is counted once where its answer is lost", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one", "two");
    let isLost = false;
    const registry = registryWith(async (...args) => {
      const stored = await harness.registry.update(...args);
      if (isLost) return stored;
      isLost = true;
      throw new RowChangedError("Mailbox");
    });
    await harness.run(mailbox, { deps: { registry } });
    assert.equal(isLost, true);
    assert.equal((await mailbox.stored()).delivered, 2);
  });

  it("that cannot be written at all is an error, and the mailbox is free for the next run", async () => {
    const mailbox = await harness.connect();
    let tries = 0;
    const registry = registryWith(async () => {
      tries += 1;
      throw new RowChangedError("Mailbox");
    });
    await assert.rejects(harness.run(mailbox, { deps: { registry } }), { code: "ROW_CHANGED" });
    assert.equal(tries, 5);
    assert.equal((await harness.run(mailbox)).kind, "fetched");
  });

  it("is left to the other run, where another took over", async () => {
    const mailbox = await harness.connect({ desk: "uvdesk" });
    mailbox.receive("one", "two");
    const takeOver = async () => {
      harness.clock.advance(4 * MINUTE_MS);
      await harness.lease(mailbox);
    };
    harness.graph.server.plan(readsContent(), { kind: "before", run: takeOver });
    assert.deepEqual(await harness.run(mailbox), { kind: "failed", code: "LEASE_LOST" });
    assert.equal((await mailbox.stored()).lastRun, "");
    assert.equal(await harness.ledger.lease(mailbox.id), undefined);
    harness.clock.advance(11 * MINUTE_MS);
    await harness.run(mailbox);
    assert.equal(harness.uvdesk.tickets.length, 2);
  });
});

/** The real registry, but for its updates. */
function registryWith(update: MailboxRegistry["update"]): MailboxRegistry {
  return { ...harness.registry, update };
}

describe("a throttle by Graph", () => {
  for (const [retryAfter, waitMs] of [
    ["90", 90 * SECOND_MS],
    ["2.128", 2_128],
    ["600", 10 * MINUTE_MS],
    ["Mon, 23 Nov 2026 12:20:00 GMT", 20 * MINUTE_MS],
    [undefined, MINUTE_MS],
    ["86400", HOUR_MS],
  ] as const) {
    it(`leaves the mailbox alone for ${waitMs / 1_000} s (Retry-After: ${retryAfter ?? "none"})`, async () => {
      const mailbox = await harness.connect();
      mailbox.receive("one");
      harness.graph.throttle({ times: 1, ...(retryAfter === undefined ? {} : { retryAfter }) });
      assert.deepEqual(await harness.run(mailbox), { kind: "failed", code: "GRAPH_THROTTLED" });
      const { throttledUntil, nextFetchAt } = await mailbox.stored();
      assert.deepEqual(throttledUntil, nextFetchAt);
      const waits = nextFetchAt.getTime() - NOON.getTime();
      assert.ok(waits >= waitMs && waits < waitMs + 5 * SECOND_MS, `waits ${waits} ms`);

      const asked = harness.graph.requestCount;
      harness.clock.advanceTo(nextFetchAt.getTime() - 1_000);
      assert.deepEqual(await harness.run(mailbox), { kind: "skipped", reason: "not-due" });
      assert.equal(harness.graph.requestCount, asked);
      harness.clock.advanceTo(nextFetchAt);
      assert.deepEqual(await harness.run(mailbox), { kind: "fetched", more: false, delivered: 1 });
      assert.equal((await mailbox.stored()).throttledUntil, undefined);
    });
  }

  it("counts for a run, too, that found the mailbox due before the throttle was known", async () => {
    const mailbox = await harness.connect();
    harness.graph.throttle({ times: 1, retryAfter: "600" });
    const { ledger } = harness;
    const lease = async (id: string) => {
      assert.equal((await harness.run(mailbox)).kind, "failed");
      return ledger.lease(id);
    };
    const outcome = await harness.run(mailbox, { deps: { ledger: { ...ledger, lease } } });
    assert.deepEqual(outcome, { kind: "skipped", reason: "not-due" });
    assert.equal(harness.graph.requestCount, 1);
    await (await harness.lease(mailbox)).release();
  });

  it("is known before another run can have the mailbox", async () => {
    const mailbox = await harness.connect();
    harness.graph.throttle({ times: 1, retryAfter: "600" });
    const { ledger } = harness;
    let knownAtRelease: Date | undefined;
    const lease = async (id: string) => {
      const leased = (await ledger.lease(id)) ?? assert.fail("not leased");
      const release = async () => {
        knownAtRelease = (await mailbox.stored()).throttledUntil;
        await leased.release();
      };
      return Object.create(leased, { release: { value: release } }) as typeof leased;
    };
    await harness.run(mailbox, { deps: { ledger: { ...ledger, lease } } });
    assert.notEqual(knownAtRelease, undefined);
  });

  it("is not forgotten over the report of a run that stood still meanwhile", async () => {
    const mailbox = await harness.connect();
    const { registry } = harness;
    let isFirst = true;
    const update: typeof registry.update = async (stored, changes) => {
      if (isFirst) {
        isFirst = false;
        harness.clock.advance(4 * MINUTE_MS);
        harness.graph.throttle({ times: 1, retryAfter: "600" });
        assert.deepEqual(await harness.run(mailbox), { kind: "failed", code: "GRAPH_THROTTLED" });
      }
      return registry.update(stored, changes);
    };
    await harness.run(mailbox, { deps: { registry: { ...registry, update } } });
    assert.notEqual((await mailbox.stored()).throttledUntil, undefined);
  });

  it("is not forgotten where a run that stood still reports first", async () => {
    const mailbox = await harness.connect();
    const { registry } = harness;
    let isFirst = true;
    const update: typeof registry.update = async (stored, changes) => {
      if (isFirst) {
        isFirst = false;
        await registry.update(await mailbox.stored(), { lastRun: "the one that stood still", nextFetchAt: NOON });
      }
      return registry.update(stored, changes);
    };
    harness.graph.throttle({ times: 1, retryAfter: "600" });
    const deps = { registry: { ...registry, update } };
    assert.deepEqual(await harness.run(mailbox, { deps }), { kind: "failed", code: "GRAPH_THROTTLED" });
    const { throttledUntil } = await mailbox.stored();
    assert.ok((throttledUntil?.getTime() ?? 0) >= NOON.getTime() + 10 * MINUTE_MS);
    assert.deepEqual(await harness.run(mailbox), { kind: "skipped", reason: "not-due" });
  });

  it("in the middle of the deliveries blames no message", async () => {
    const mailbox = await harness.connect({ desk: "uvdesk" });
    const ids = mailbox.receive("one", "two");
    const throttled = { status: 429, headers: { "retry-after": "30" } };
    harness.graph.server.plan(readsContent(), { kind: "answer", answer: throttled });
    assert.deepEqual(await harness.run(mailbox), { kind: "failed", code: "GRAPH_THROTTLED" });
    for (const id of ids) assert.equal((await harness.entry(mailbox, id)).attempts, 0);
    harness.clock.advance(31 * SECOND_MS);
    await harness.run(mailbox);
    assert.equal(harness.uvdesk.tickets.length, 2);
  });
});

describe("a run that fails", () => {
  it("because Graph is down is made again at the next tick", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one");
    harness.graph.server.setDown(true);
    assert.deepEqual(await harness.run(mailbox), { kind: "failed", code: "GRAPH_UNAVAILABLE" });
    harness.graph.server.setDown(false);
    assert.deepEqual(await harness.run(mailbox), { kind: "fetched", more: false, delivered: 1 });
  });

  it("each time is made after growing waits, which the mailbox shows; the first success ends them", async () => {
    const mailbox = await harness.connect();
    const refused = json(403, { error: { code: "ErrorAccessDenied" } });
    harness.graph.server.plan(asksForChanges, { kind: "answer", answer: refused }, 4);
    const waits: number[] = [];
    for (let run = 0; run < 4; run += 1) {
      assert.equal((await harness.run(mailbox)).kind, "failed");
      const { nextFetchAt, lastFetchAt } = await mailbox.stored();
      waits.push((nextFetchAt.getTime() - (lastFetchAt?.getTime() ?? 0)) / MINUTE_MS);
      harness.clock.advanceTo(nextFetchAt);
    }
    assert.deepEqual(waits, [0, 1, 2, 4]);
    assert.equal((await harness.run(mailbox)).kind, "fetched");
    const { failures, nextFetchAt } = await mailbox.stored();
    assert.ok(failures === 0 && nextFetchAt.getTime() <= Date.now());
  });

  it("in its discovery alone delivers what is in the ledger already", async () => {
    const mailbox = await harness.connect();
    mailbox.receive("one");
    await harness.run(mailbox, at(deskThat(() => FAULT_OF_DESK)));
    harness.clock.advance(MINUTE_MS);
    const denied = json(403, { error: { code: "ErrorAccessDenied" } });
    harness.graph.server.plan(asksForChanges, { kind: "answer", answer: denied });
    assert.deepEqual(await harness.run(mailbox), { kind: "failed", code: "GRAPH_REFUSED" });
    assert.deepEqual(harness.taken(), ["one"]);
    const { delivered, lastError } = await mailbox.stored();
    assert.deepEqual([delivered, lastError?.code], [1, "GRAPH_REFUSED"]);
  });

  it("over the configuration of its desk says so, and gives the mailbox back", async () => {
    const mailbox = await harness.connect();
    const deskOf = () => {
      throw new AppError("CONFIGURATION_INVALID", "no such desk");
    };
    assert.deepEqual(await harness.run(mailbox, { deps: { deskOf } }), {
      kind: "failed",
      code: "CONFIGURATION_INVALID",
    });
    assert.equal((await mailbox.stored()).lastError?.code, "CONFIGURATION_INVALID");
    assert.equal((await harness.run(mailbox)).kind, "fetched");
  });

  for (const code of ["CONSENT_REQUIRED", "ADMIN_REQUIRED"] as const satisfies ErrorCode[]) {
    it(`because the grant is refused tells whoever keeps the status (${code})`, async () => {
      const mailbox = await harness.connect();
      harness.tokens.failure = new AppError(code, "the sign-in is over");
      assert.deepEqual(await harness.run(mailbox), { kind: "failed", code });
      assert.deepEqual(harness.refusedGrants, [{ mailboxId: mailbox.id, error: harness.tokens.failure }]);
    });
  }

  for (const code of ["TOKEN_UNAVAILABLE", "ENTRA_UNAVAILABLE", "APP_MISCONFIGURED"] as const satisfies ErrorCode[]) {
    it(`because there is no token at the moment blames no grant (${code})`, async () => {
      const mailbox = await harness.connect();
      harness.tokens.failure = new AppError(code, "not now");
      assert.deepEqual(await harness.run(mailbox), { kind: "failed", code });
      assert.deepEqual(harness.refusedGrants, []);
      const { status, lastError } = await mailbox.stored();
      assert.deepEqual([status, lastError?.code], ["connected", code]);
    });
  }

  it("because the stored state cannot be reached throws", async () => {
    const mailbox = await harness.connect();
    const registry = { ...harness.registry, get: () => Promise.reject(new Error("Table Storage is down")) };
    await assert.rejects(harness.run(mailbox, { deps: { registry } }), /Table Storage is down/);
  });
});

describe("the budget of a run", () => {
  it("leaves half of it to delivery, and says that work is left", async () => {
    const mailbox = await harness.connect();
    mailbox.receive(...Array.from({ length: 510 }, (_, index) => `mail-${index}`));
    harness.graph.server.plan(asksForChanges, { kind: "before", run: () => harness.clock.advance(31 * SECOND_MS) });
    const desk = deskThat(() => {
      harness.clock.advance(SECOND_MS);
      return ACCEPTED;
    });
    const outcome = await harness.run(mailbox, { budgetMs: 60 * SECOND_MS, ...at(desk) });
    assert.ok(outcome.kind === "fetched" && outcome.more && outcome.delivered >= 1);
    assert.equal(harness.graph.server.requests.filter(asksForChanges).length, 1);
  });
});
