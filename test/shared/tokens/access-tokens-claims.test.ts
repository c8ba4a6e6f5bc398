import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EntraError, entraErrorAnswer } from "../../simulator/entra/entra-errors.ts";
import { signIn } from "../../simulator/entra/entra-person.ts";
import { useConsents } from "./consent-harness.ts";

const consents = useConsents();
const CLAIMS = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}';

/** The mailbox of the test, connected. Gives a token of its own. */
async function connected(): Promise<string> {
  const { cookie, fields } = await consents.signInAtMicrosoft();
  assert.equal((await consents.finish(fields, [cookie])).kind, "connected");
  return consents.instance.accessTokenFor(consents.mailbox.id);
}

const challenged = (value: string) => consents.instance.accessTokenFor(consents.mailbox.id, { value, claims: CLAIMS });
const refreshes = () =>
  consents.harness.entra.server.requests.filter(({ form }) => form.get("grant_type") === "refresh_token");

describe("claims that Graph asks for", () => {
  it("are redeemed with the refresh token, and the new one is kept, however young the old one is", async () => {
    const first = await connected();
    const { secretName } = await consents.harness.grantOf(consents.mailbox);
    const next = await challenged(first);
    assert.notEqual(next, first);
    assert.equal(refreshes().at(-1)?.form.get("claims"), CLAIMS);
    assert.equal(consents.harness.keyVault.writes(secretName), 2);
  });

  it("need the owner where Entra insists, whose sign-in then brings them", async () => {
    const first = await connected();
    const refusal = entraErrorAnswer(new EntraError(50076));
    const body = { ...(JSON.parse(String(refusal.body)) as object), claims: CLAIMS };
    const answer = { ...refusal, body: JSON.stringify(body) };
    const isRefresh = ({ form }: { form: URLSearchParams }) => form.get("grant_type") === "refresh_token";
    consents.harness.entra.server.plan(isRefresh, { kind: "answer", answer }, 2);
    await assert.rejects(challenged(first), { code: "CONSENT_REQUIRED" });

    const { location, cookie, fields } = await consents.signInAtMicrosoft();
    assert.equal(location.searchParams.get("claims"), CLAIMS);
    assert.equal((await consents.finish(fields, [cookie])).kind, "connected");
    const { account, id, address } = consents.mailbox;
    const again = await consents.instance.consents.start({ mailboxId: id, address, kind: "owner", writes: false });
    assert.equal(again.location.searchParams.get("claims"), null, "they are proved now");
    await signIn(again.location, { oid: account.oid, decision: "cancel" });
  });
});
