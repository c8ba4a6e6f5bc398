import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createRevocations } from "../../../../shared/web/session/revocations-table.ts";
import { createMemoryTables } from "../../../simulator/storage/memory-tables.ts";

const NOON = new Date("2026-11-23T12:00:00Z");
const later = (minutes: number) => new Date(NOON.getTime() + minutes * 60_000);

describe("revocations", () => {
  const tables = createMemoryTables().open({});
  const at = (now: Date) => createRevocations({ tables, now: () => now });

  it("count once, for every instance, until what they end would be over anyway", async () => {
    assert.equal(await at(NOON).isRevoked("one"), false);
    assert.equal(await at(NOON).revoke("one", later(10)), true);
    assert.equal(await at(NOON).revoke("one", later(20)), false);
    assert.equal(await at(later(1)).isRevoked("one"), true);
    assert.equal(await at(NOON).isRevoked("other"), false);
  });

  it("are purged afterwards, and none before", async () => {
    await at(NOON).revoke("two", later(60));
    assert.equal(await at(later(30)).purge(), 1);
    assert.equal(await at(later(30)).isRevoked("one"), false);
    assert.equal(await at(later(30)).isRevoked("two"), true);
  });
});
