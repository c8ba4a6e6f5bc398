import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { healthOf } from "../../../shared/health/app-status.ts";

const MINUTE_MS = 60_000;
const now = new Date("2026-11-23T12:00:00.000Z");
const ago = (minutes: number) => new Date(now.getTime() - minutes * MINUTE_MS);
const well = { lastTick: ago(1), alarm: undefined, now };

describe("health", () => {
  it("is well while the timer runs and nothing is wrong with the application", () => {
    assert.deepEqual(healthOf(well), { isWell: true, status: "ok", lastTick: ago(1), refusedSince: undefined });
  });

  it("is not where the last tick is long ago, or there never was one", () => {
    for (const lastTick of [ago(10), undefined]) {
      assert.deepEqual(healthOf({ ...well, lastTick }).status, "no recent tick");
      assert.equal(healthOf({ ...well, lastTick }).isWell, false);
    }
  });

  it("is not while Entra refuses the application, and says since when, but not what Entra said", () => {
    const message = "AADSTS7000222: The provided client secret keys for app 'c0ffee' are expired.";
    const health = healthOf({ ...well, alarm: { code: "APP_MISCONFIGURED", message, since: ago(30) } });
    assert.equal(health.isWell, false);
    assert.equal(health.status, "Entra refuses the application");
    assert.deepEqual(health.refusedSince, ago(30));
    assert.ok(!JSON.stringify(health).includes("AADSTS"));
  });
});
