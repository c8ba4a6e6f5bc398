import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { signIn } from "../simulator/entra/entra-person.ts";
import { createPerson } from "../simulator/person/person.ts";
import { FUNCTION_KEY, HOUR_MS, useSecurityHarness } from "./security-harness.ts";

const DAY_MS = 24 * HOUR_MS;

describe("an invitation", () => {
  const harness = useSecurityHarness();
  const key = { "x-functions-key": FUNCTION_KEY };
  const page = { accept: "text/html" };

  async function invite(query = ""): Promise<string> {
    const answer = await harness.ask(`mailboxes/${harness.mailboxId}/invite${query}`, { method: "POST", headers: key });
    assert.equal(answer.status, 201);
    return ((await answer.json()) as { url: string }).url;
  }
  const accepted = (link: string) => link.replace("/invitation?", "/invitation/accept?");
  const program = (method: string, route: string, body?: object) =>
    harness.ask(route, { method, headers: key, ...(body && { body: JSON.stringify(body) }) });
  const deliver = (subject: string) =>
    harness.simulator.mailbox.deliver(
      Buffer.from(`From: a@example.org\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@example.org>\r\n\r\nHi\r\n`),
    );
  const tickets = () => harness.simulator.uvdesk.tickets.map(({ subject }) => subject);

  it("is made on the page, shown once, and stored as a hash alone", async () => {
    const person = await harness.signedIn();
    const address = `${harness.base}/pages/mailboxes/${harness.mailboxId}/invite`;
    assert.match((await person.open(address)).text, /good for one connection, within seven days/);
    const made = await person.press(address);
    const link = /<code>([^<]*)<\/code>/.exec(made.text)?.[1] ?? "";
    const token = new URL(link).searchParams.get("invitation") ?? "";
    assert.equal(Buffer.from(token, "base64url").byteLength, 32);
    assert.ok(!harness.logLines.join("\n").includes(token));
    assert.match(harness.logLines.join("\n"), /"event":"owner invited"/);
    assert.equal((await harness.owner().open(link)).status, 200);
  });

  it("tells who follows it what will be asked, and gives no way to the other pages", async () => {
    const link = await invite();
    const { text } = await harness.owner().open(link);
    for (const words of [
      /help@contoso\.example/,
      /read mail that you can read; it cannot change any/,
      /cannot send mail/,
    ]) {
      assert.match(text, words);
    }
    assert.doesNotMatch(text, /\/api\/pages/);
    const headers = (await harness.ask(link.slice(harness.base.length + 1), { headers: page })).headers;
    assert.equal(headers.get("referrer-policy"), "same-origin", "the link does not travel to Microsoft");
    const on = await harness.ask(accepted(link).slice(harness.base.length + 1));
    assert.equal(on.headers.get("referrer-policy"), "no-referrer");
  });

  it("tells who follows it, while storage fails, that it is not their fault, and still works afterwards", async () => {
    const link = await invite();
    await harness.simulator.azurite.faults.setOutage({ kind: "refuse", refusal: "firewall" });
    const failed = await harness.owner().open(link);
    await harness.simulator.azurite.faults.setOutage(undefined);
    assert.match(failed.text, /not your fault/);
    assert.match(failed.text, /still works/);
    assert.doesNotMatch(failed.text, /AzureWebJobsStorage|Contributor|AuthorizationFailure/);
    assert.equal((await harness.owner().open(link)).status, 200);
  });

  it("lets nobody connect who cannot open the mailbox, and stays good after that and after a no", async () => {
    const link = await invite();
    const stranger = await harness.stranger().connect(accepted(link));
    assert.match(stranger.text, /cannot open the mailbox and folder/);
    assert.doesNotMatch(stranger.text, /\/api\/pages/);
    const no = await createPerson({ oid: harness.simulator.owner.oid, decision: "cancel" }).connect(accepted(link));
    assert.match(no.text, /permissions were declined/);
    assert.equal(await harness.status(), "new");
    const owner = harness.owner();
    await owner.open(link);
    const done = await owner.connect(accepted(link));
    assert.equal(done.status, 200, done.text);
    assert.match(done.text, /help@contoso\.example is connected/);
    assert.doesNotMatch(done.text, /\/api\/pages/);
    assert.equal(await harness.status(), "connected");
  });

  it("counts once: for its link, and for a sign-in by it that was under way already", async () => {
    const link = await invite();
    const start = await harness.ask(accepted(link).slice(harness.base.length + 1));
    const cookie = start.headers.getSetCookie()[0]?.split(";")[0] ?? "";
    const { fields } = await signIn(start.headers.get("location") ?? "", { oid: harness.simulator.owner.oid });
    assert.equal((await harness.owner().connect(accepted(link))).status, 200);
    const late = await harness.ask("finish-consent", { method: "POST", body: fields, headers: { ...page, cookie } });
    assert.equal(late.status, 400);
    assert.match(await late.text(), /has been used or withdrawn/);
    for (const address of [link, accepted(link)]) {
      const again = await harness.owner().open(address);
      assert.equal(again.status, 410);
      assert.match(again.text, /This link has been used/);
    }
  });

  it("ends after seven days", async () => {
    const link = await invite();
    harness.simulator.clock.advance(7 * DAY_MS - HOUR_MS);
    assert.equal((await harness.owner().open(link)).status, 200);
    harness.simulator.clock.advance(HOUR_MS);
    const over = await harness.owner().open(accepted(link));
    assert.equal(over.status, 410);
    assert.match(over.text, /seven days, which are over/);
    await harness.host.runTimer("keep-tokens");
    assert.equal((await harness.owner().open(link)).status, 410, "for a while somebody is told why");
    harness.simulator.clock.advance(91 * DAY_MS);
    await harness.host.runTimer("keep-tokens");
    assert.equal((await harness.owner().open(link)).status, 404);
  });

  it("is not guessed", async () => {
    const link = await invite();
    for (const address of [
      `${link.slice(0, -1)}${link.endsWith("A") ? "B" : "A"}`,
      `${harness.base}/invitation`,
      `${link}x`,
    ]) {
      const answer = await harness.owner().open(address);
      assert.equal(answer.status, 404, address);
      assert.match(answer.text, /There is no such invitation/);
    }
  });

  it("keeps to the account of before, but where whoever invited said otherwise", async () => {
    await harness.owner().connect(accepted(await invite()));
    const link = await invite();
    const { text } = await harness.stranger().connect(accepted(link));
    assert.match(text, /sam@contoso\.example signed in, but help@contoso\.example had connected/);
    const any = await harness.stranger().connect(accepted(await invite("?account=any")));
    assert.match(any.text, /sam@contoso\.example signed in, but cannot open the mailbox/, "the last hurdle is Graph's");
    assert.equal((await harness.owner().connect(accepted(link))).status, 200);
  });

  it("connects again without a mail lost or doubled: ledger and checkpoint stay", async () => {
    deliver("before");
    await program("POST", `mailboxes/${harness.mailboxId}/fetch`);
    await harness.host.drainQueues();
    assert.deepEqual(tickets(), ["before"]);
    harness.simulator.entra.revoke(harness.simulator.owner.oid);
    harness.simulator.clock.advance(2 * HOUR_MS);
    deliver("in between");
    await harness.host.runTimer("fetch-mail");
    assert.equal(await harness.status(), "needs-owner");
    const delta = () => harness.simulator.graph.server.requests.filter(({ path }) => path.includes("delta"));
    const before = delta().length;
    await harness.owner().connect(accepted(await invite()));
    await harness.host.drainQueues();
    assert.deepEqual(tickets(), ["before", "in between"]);
    assert.equal(harness.simulator.uvdesk.received.length, 2, "the desk was offered nothing twice");
    const asked = delta().slice(before);
    assert.ok(
      asked.length > 0 && asked.every(({ query }) => /token/i.test([...query.keys()].join())),
      "from the checkpoint",
    );
  });

  it("hands an administrator's link on where the organisation wants an approval, and says what comes next", async () => {
    harness.simulator.entra.revoke(harness.simulator.owner.oid);
    harness.simulator.entra.requireAdminApproval(true);
    const link = await invite();
    const blocked = await harness.owner().connect(accepted(link));
    assert.match(blocked.text, /Send this link to a Microsoft 365 administrator/);
    const forward = /<a href="([^"]*adminconsent[^"]*)"/.exec(blocked.text)?.[1]?.replaceAll("&amp;", "&") ?? "";
    const { searchParams } = new URL(forward);
    assert.equal(searchParams.get("redirect_uri"), `${harness.base}/finish-consent`);
    assert.equal(
      searchParams.get("scope"),
      "openid profile offline_access https://graph.microsoft.com/Mail.Read https://graph.microsoft.com/Mail.Read.Shared",
    );
    const { url } = await signIn(forward, { oid: harness.simulator.administrator.oid });
    const thanks = await harness.administrator().open(url);
    assert.equal(thanks.status, 200);
    assert.match(thanks.text, /connect the mailbox as its owner/);
    const done = await harness.owner().connect(accepted(link));
    assert.equal(done.status, 200, done.text);
    harness.simulator.entra.requireAdminApproval(false);
  });

  it("believes nobody who only claims that an administrator approved or declined, and claims nothing itself", async () => {
    const status = await harness.status();
    const texts = new Set<string>();
    for (const query of [
      "admin_consent=True",
      "admin_consent=False",
      "error=access_denied",
      "error=x&error_description=y",
      "",
    ]) {
      const page = await harness
        .owner()
        .open(`${harness.base}/finish-consent?state=organisation-approval&tenant=x&${query}`);
      assert.equal(page.status, 200);
      assert.doesNotMatch(page.text, /is approved|Microsoft reports|declined|Thank you/);
      assert.match(page.text, /This page cannot tell whether/);
      texts.add(page.text);
    }
    assert.equal(texts.size, 1, "it says the same, whatever the address carries");
    assert.equal(await harness.status(), status);
  });

  it("is not used up by a sign-in whose end Key Vault or storage does not take", async () => {
    await program("POST", `mailboxes/${harness.mailboxId}/remove`);
    await program("POST", "mailboxes", { address: harness.simulator.mailbox.address, desk: "uvdesk" });
    const link = await invite();
    const { keyVault, azurite } = harness.simulator;
    keyVault.server.plan(({ method }) => method === "PUT", { kind: "answer", answer: { status: 403 } }, 20);
    assert.equal((await harness.owner().connect(accepted(link))).status, 500);
    keyVault.server.clearFaults();
    assert.equal((await harness.owner().open(link)).status, 200, "the link is still good");
    assert.equal(await harness.status(), "new");

    await azurite.faults.plan({ kind: "refuse", refusal: "condition-not-met" }, { service: "table", method: "PUT" });
    const refused = await harness.owner().connect(accepted(link));
    assert.notEqual(refused.status, 200);
    assert.equal((await harness.owner().open(link)).status, 200, "the link is still good");

    const done = await harness.owner().connect(accepted(link));
    assert.equal(done.status, 200, done.text);
    assert.equal((await harness.owner().open(link)).status, 410);
  });

  it("begins so many sign-ins at a time, and no more: each is kept for a day", async () => {
    const link = accepted(await invite()).slice(harness.base.length + 1);
    const begin = async () => (await harness.ask(link, { headers: page })).status;
    const statuses = [];
    for (let count = 0; count < 25; count += 1) statuses.push(await begin());
    assert.deepEqual(statuses, [...Array(20).fill(303), ...Array(5).fill(429)]);
    const other = accepted(await invite()).slice(harness.base.length + 1);
    assert.equal((await harness.ask(other, { headers: page })).status, 303, "another link is not held up");
    harness.simulator.clock.advance(11 * 60_000);
    assert.equal(await begin(), 303);
  });

  it("ends when its mailbox is removed, though the mailbox is added again", async () => {
    const link = await invite();
    await program("DELETE", `mailboxes/${harness.mailboxId}`);
    const removed = await harness.owner().open(link);
    assert.equal(removed.status, 410);
    assert.match(removed.text, /has been removed from the list/);
    await program("POST", "mailboxes", { address: harness.simulator.mailbox.address, desk: "uvdesk" });
    assert.equal((await harness.owner().open(accepted(link))).status, 410);
  });

  it("is made for no mailbox that is not there", async () => {
    assert.equal((await program("POST", "mailboxes/ffffffffffffffff/invite")).status, 404);
  });
});
