import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MINUTE_MS, OWNER, useMailBed } from "../mail-harness.ts";

const bed = useMailBed();

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
      const graph = bed.graph.addMailbox({ address, ownerOid: OWNER });
      graph.addFolder({ displayName: "Kund'innen", parent: "inbox" });
      const mailbox = await bed.connect({ address, folder: "Kund'innen", acknowledge: { kind: "mark-read" } });
      mailbox.receive("one");
      assert.equal((await bed.run(mailbox)).kind, "fetched");
      bed.clock.advance(MINUTE_MS);
      mailbox.receive("two");
      await bed.run(mailbox);
      assert.deepEqual(bed.taken(), ["one", "two"]);
      bed.graph.controls.deltaRefusal = 405;
      bed.clock.advance(MINUTE_MS);
      mailbox.receive("three");
      await bed.run(mailbox);
      assert.deepEqual(bed.taken(), ["one", "two", "three"]);
      assert.deepEqual(
        graph.messages().map(({ isRead }) => isRead),
        [true, true, true],
      );
    });
  }
});
