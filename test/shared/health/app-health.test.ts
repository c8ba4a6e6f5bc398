import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { createAppHealth } from "../../../shared/health/app-health.ts";
import type { MailboxRegistry } from "../../../shared/mailboxes/mailbox.ts";
import { createMailboxRegistry } from "../../../shared/mailboxes/registry-table.ts";
import { AppError } from "../../../shared/platform/errors.ts";
import { createMemoryTables } from "../../simulator/storage/memory-tables.ts";

const NOON = new Date("2026-11-23T12:00:00Z");
const HOUR_MS = 3_600_000;
const REFUSED = new AppError("APP_MISCONFIGURED", "Microsoft refused: AADSTS987654");
const silent = { info: () => {}, warn: () => {}, error: () => {} };

describe("a refusal that may be one tenant's fault", () => {
  let registry: MailboxRegistry;
  beforeEach(() => {
    registry = createMailboxRegistry(createMemoryTables().open({}));
  });

  /** Another instance each time: nothing lives in memory. */
  const health = (hours = 0, tryCredential?: () => Promise<AppError | undefined>) =>
    createAppHealth({
      registry,
      tryCredential,
      log: silent,
      now: () => new Date(NOON.getTime() + hours * HOUR_MS),
    });
  const isAlarmed = async () => (await registry.alarm()) !== undefined;

  it("raises no alarm, however often the same tenant hears it", async () => {
    for (let hour = 0; hour < 5; hour += 1) await health(hour).suspected(REFUSED, "contoso");
    assert.equal(await isAlarmed(), false);
  });

  it("raises the alarm once another tenant hears it within a day", async () => {
    await health().suspected(REFUSED, "contoso");
    await health(23).suspected(REFUSED, "fabrikam");
    assert.equal(await isAlarmed(), true);
  });

  it("raises no alarm where the other tenant heard it long ago", async () => {
    await health().suspected(REFUSED, "contoso");
    await health(25).suspected(REFUSED, "fabrikam");
    assert.equal(await isAlarmed(), false);
  });

  it("raises the alarm at once where the application's own sign-in is refused as well", async () => {
    await health(0, async () => REFUSED).suspected(REFUSED, "contoso");
    assert.equal(await isAlarmed(), true);
  });

  it("raises none where the application's own sign-in works", async () => {
    await health(0, async () => undefined).suspected(REFUSED, "contoso");
    assert.equal(await isAlarmed(), false);
  });
});
