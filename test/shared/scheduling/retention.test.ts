import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LEDGER_MEMORY_MS } from "../../../shared/mail/ledger/ledger.ts";

import type { StoredMailbox } from "../../../shared/mailboxes/mailbox.ts";
import { createRetention } from "../../../shared/scheduling/retention.ts";

const NOON = new Date("2026-06-01T12:00:00Z");

describe("the daily retention", () => {
  const removed: string[] = [];
  const part = (name: string) => ({
    async purge() {
      removed.push(name);
    },
  });
  const mailboxes = ["one", "two", "three"].map((id) => ({ id }) as StoredMailbox);

  function runRetention(failing: string): Promise<void> {
    removed.length = 0;
    return createRetention({
      registry: { list: async () => mailboxes },
      ledger: {
        async purge(id, settledBefore) {
          assert.equal(settledBefore.getTime(), NOON.getTime() - LEDGER_MEMORY_MS);
          if (id === failing) throw new Error("storage is away");
          removed.push(id);
          return 0;
        },
      },
      consents: part("consents"),
      invitations: part("invitations"),
      revocations: part("revocations"),
      activity: part("activity"),
      now: () => NOON,
    })();
  }

  it("purges the ledger of each mailbox, and what the app itself keeps", async () => {
    await runRetention("none");
    assert.deepEqual(removed.toSorted(), ["activity", "consents", "invitations", "one", "revocations", "three", "two"]);
  });

  it("does not stop at a mailbox that cannot be purged, and says so in the end", async () => {
    await assert.rejects(runRetention("one"), /1 of 7 purges failed, the next day's try again: storage is away/);
    assert.deepEqual(removed.toSorted(), ["activity", "consents", "invitations", "revocations", "three", "two"]);
  });
});
