import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { idempotencyKey, messageKey } from "../../../shared/mail/message.ts";

describe("the key of a message", () => {
  it("is the same for ever: what is in a ledger must be found by later versions", () => {
    assert.equal(messageKey("AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A="), "rogcKW-E4029Gj7KMQTb99YL9P8Yr8n0BjSfi3lRf10");
  });

  it("holds only letters that a key of Table Storage may hold, whatever the id holds", () => {
    // https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model
    for (const id of ["a/b\\c#d?e", "ä\u0001\u007f", "", "x".repeat(2_000)])
      assert.match(messageKey(id), /^[\w-]{43}$/);
  });

  it("differs where ids differ in their case only", () => {
    assert.notEqual(messageKey("AAkA"), messageKey("AAkA".toLowerCase()));
  });
});

describe("the idempotency key", () => {
  it("differs from mailbox to mailbox and from message to message, and never changes", () => {
    const keys = [
      ["mailbox-1", "AAkA"],
      ["mailbox-1", "AAkB"],
      ["mailbox-2", "AAkA"],
    ].map(([mailbox = "", id = ""]) => idempotencyKey(mailbox, messageKey(id)));
    assert.equal(new Set(keys).size, 3);
    assert.equal(keys[0], idempotencyKey("mailbox-1", messageKey("AAkA")));
  });
});
