import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { INBOX_DELTA, idsOf, useDelta } from "./graph-delta-harness.ts";
import { errorOf, HOUR_MS } from "./graph-test-harness.ts";

const { harness, page, round } = useDelta();

describe("a delta link", () => {
  it("dies when three newer ones have been given out", async () => {
    harness.deliver(60);
    const links = [(await page(INBOX_DELTA)).next ?? ""];
    for (let count = 1; count < 5; count += 1) {
      links.push((await page(links.at(-1) ?? "")).next ?? "");
    }
    const response = await harness.get(links[1] ?? "");
    assert.ok(response.headers.get("request-id"));
    assert.deepEqual(await errorOf(response), {
      status: 410,
      code: "SyncStateNotFound",
      message: "The sync state generation is not found; generation=2;[highest=5][4][5][3].",
    });
    assert.equal((await harness.get(links[2] ?? "")).status, 200);
  });

  it("belongs to one client: others do not make it older", async () => {
    const { link } = await round(INBOX_DELTA);
    for (let count = 0; count < 5; count += 1) await round(INBOX_DELTA);
    assert.equal((await harness.get(link)).status, 200);
  });

  it("dies with the sync state of its mailbox; a new start works", async () => {
    const all = harness.deliver(2);
    const { link } = await round(INBOX_DELTA);
    harness.mailbox.expireSyncState();
    assert.equal((await harness.get(link)).status, 410);
    assert.deepEqual(idsOf((await round(INBOX_DELTA)).items), all.toSorted());
  });

  it("dies of old age only where that is switched on", async () => {
    const { link } = await round(INBOX_DELTA);
    harness.clock.advance(30 * 24 * HOUR_MS);
    assert.equal((await harness.get(link)).status, 200);
    harness.graph.controls.syncStateLifetimeMs = 7 * 24 * HOUR_MS;
    assert.equal((await harness.get(link)).status, 200);
    harness.clock.advance(8 * 24 * HOUR_MS);
    assert.equal((await harness.get(link)).status, 410);
  });

  it("is refused in every shape that was ever seen", async () => {
    const all = harness.deliver(1);
    const { link } = await round(`${INBOX_DELTA}?$select=subject`);
    harness.mailbox.expireSyncState();
    const shapes = [
      { shape: "root-folder-not-found", status: 410, code: "SyncStateNotFound" },
      { shape: "location", status: 410, code: "syncStateNotFound" },
      { shape: "resync-required", status: 410, code: "resyncRequired" },
      { shape: "sync-state-invalid", status: 400, code: "syncStateInvalid" },
    ] as const;
    for (const { shape, status, code } of shapes) {
      harness.graph.controls.resetShape = shape;
      const response = await harness.get(link);
      assert.partialDeepStrictEqual(await errorOf(response), { status, code });
      if (shape !== "location") continue;
      const restarted = await round(response.headers.get("location") ?? "");
      assert.deepEqual(idsOf(restarted.items), all);
      assert.equal(restarted.items[0]?.isRead, undefined);
    }
  });

  it("is no invention of the client", async () => {
    assert.equal((await harness.get(`${INBOX_DELTA}?$deltatoken=latest`)).status, 400);
  });
});
