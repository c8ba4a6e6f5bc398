import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { signIn } from "../../simulator/entra/entra-person.ts";
import { useConsents } from "./consent-harness.ts";
import type { ExampleMailbox } from "./token-harness.ts";

const consents = useConsents();

describe("connecting a mailbox again", () => {
  let first: ExampleMailbox;
  let other: ExampleMailbox;

  beforeEach(async () => {
    first = consents.mailbox;
    other = await consents.harness.addMailbox();
    const { cookie, fields } = await consents.signInAtMicrosoft();
    await consents.finish(fields, [cookie]);
  });

  /** Somebody presses Connect for the first mailbox and signs in with this account. */
  async function connectAs({ account }: ExampleMailbox, anyAccount = false) {
    const subject = { mailboxId: first.id, address: first.address, kind: "owner" as const, writes: false };
    const { location, cookie } = await consents.instance.consents.start(subject, anyAccount);
    const { fields } = await signIn(location, { oid: account.oid, decision: "accept" });
    return { location, answer: () => consents.finish(fields, [cookie]) };
  }

  it("suggests the account that connected it before", async () => {
    const { location } = await connectAs(first);
    assert.equal(location.searchParams.get("login_hint"), first.account.userName);
    assert.equal(location.searchParams.get("prompt"), null);
  });

  it("works with the same account", async () => {
    const { answer } = await connectAs(first);
    assert.equal((await answer()).kind, "connected");
  });

  it("is refused with another account, and nothing changes", async () => {
    const { answer } = await connectAs({ ...other });
    const { userName: userNameBefore } = first.account;
    const { userName } = other.account;
    await consents.assertRefused({ reason: "other-account", userName, userNameBefore }, answer);
    assert.equal((await consents.harness.grantOf(first)).objectId, first.account.oid);
  });

  it("works with another account where an administrator asked for that", async () => {
    const { location, answer } = await connectAs(other, true);
    assert.equal(location.searchParams.get("prompt"), "select_account");
    assert.equal((await answer()).kind, "connected");
    assert.equal((await consents.harness.grantOf(first)).objectId, other.account.oid);
  });
});
