import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MINUTE_MS, OWNER, useMailHarness } from "../mail-harness.ts";

const harness = useMailHarness();

describe("mail of an odd address", () => {
  for (const address of [
    "o'brien@contoso.test",
    "''@contoso.test",
    "sales/emea@contoso.test",
    "100%25@contoso.test",
    "adele_fabrikam.com#ext#@contoso.onmicrosoft.com",
    "what?is=this&that@contoso.test",
    "$ales'@contoso.test",
    "!#$%&'*+-/=?^_`{|}~@contoso.test",
  ]) {
    it(`is found, delivered and marked: ${address}`, async () => {
      const graph = harness.graph.addMailbox({ address, ownerOid: OWNER });
      graph.addFolder({ displayName: "Kund'innen", parent: "inbox" });
      const mailbox = await harness.connect({ address, folder: "Kund'innen", acknowledge: { kind: "mark-read" } });
      mailbox.receive("one");
      assert.equal((await harness.run(mailbox)).kind, "fetched");
      harness.clock.advance(MINUTE_MS);
      mailbox.receive("two");
      await harness.run(mailbox);
      assert.deepEqual(harness.taken(), ["one", "two"]);
      harness.graph.controls.deltaRefusal = 405;
      harness.clock.advance(MINUTE_MS);
      mailbox.receive("three");
      await harness.run(mailbox);
      assert.deepEqual(harness.taken(), ["one", "two", "three"]);
      assert.deepEqual(
        graph.messages().map(({ isRead }) => isRead),
        [true, true, true],
      );
    });
  }
});
