import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { useSecurityHarness } from "./security/security-harness.ts";
import type { Page, Person } from "./simulator/person/person.ts";

/** What an administrator does on the pages, against the bundle. */
describe("the pages", () => {
  const harness = useSecurityHarness();
  let person: Person;
  before(async () => {
    person = await harness.signedIn();
  });

  const list = () => person.open(`${harness.base}/pages`);
  const words = ({ text }: Page) =>
    text
      .replace(/<style>.*?<\/style>/s, "")
      .replaceAll(/<[^>]*>/g, " ")
      .replaceAll(/\s+/g, " ");
  const filled = {
    address: "sales@contoso.example",
    folder: "inbox",
    desk: "uvdesk",
    access: "owner",
    from: "now",
    acknowledge: "nothing",
    do: "add",
  };
  async function fill(fields: Record<string, string>): Promise<Page> {
    await person.open(`${harness.base}/pages/mailboxes/new`);
    return person.press(`${harness.base}/pages`, { ...filled, ...fields });
  }
  async function isListed(address: string): Promise<boolean> {
    return (await list()).text.includes(`>${address}</a></h2>`);
  }

  it("bring somebody from the sign-in to the page that was wanted", async () => {
    const page = await harness.administrator().signIn(`${harness.base}/pages/mailboxes/new`);
    assert.equal(page.url, `${harness.base}/pages/mailboxes/new`);
    assert.match(page.text, /Add a mailbox/);
  });

  it("lead from the list to Microsoft and back, and show what came of it", async () => {
    const owner = harness.owner();
    const { entra, clientId, owner: account } = harness.simulator;
    entra.assignRoles(clientId, account.oid, ["Deskpost.Admin"]);
    await owner.signIn(`${harness.base}/pages`);
    const page = await owner.connect(`${harness.base}/pages/mailboxes/${harness.mailboxId}/connect`);
    assert.match(words(page), /help@contoso\.example is connected/);
    assert.match(words(await list()), /Connected; all mail delivered/);
    await list();
    assert.match(words(await person.press(`${harness.base}/pages/mailboxes/${harness.mailboxId}/pause`)), /Paused/);
    await person.press(`${harness.base}/pages/mailboxes/${harness.mailboxId}/resume`);
    await list();
    await person.press(`${harness.base}/pages/mailboxes/${harness.mailboxId}/fetch`);
    await harness.host.drainQueues();
    assert.equal(harness.host.invocations.findLast(({ name }) => name === "fetch-mailbox")?.ok, true);
  });

  it("say that a page does not exist, and offer the others", async () => {
    const page = await person.open(`${harness.base}/pages/nothing`);
    assert.equal(page.status, 404);
    assert.match(words(page), /There is no such page/);
    assert.ok(page.text.includes(`href="${harness.base}/pages"`));
  });

  it("tell what somebody got wrong, with the way to the other pages", async () => {
    const gone = await person.open(`${harness.base}/pages/mailboxes/ffffffffffffffff/remove`);
    assert.equal(gone.status, 404);
    assert.match(words(gone), /There is no mailbox ffffffffffffffff/);
    assert.ok(gone.text.includes(`href="${harness.base}/pages"`));
  });

  it("show the links of the foot to nobody who is not signed in", async () => {
    assert.match((await list()).text, /<footer><a [^>]*>Simulator<\/a>/);
    const stranger = await harness.stranger().signIn(`${harness.base}/pages`);
    assert.match(stranger.text, /<footer><\/footer>/);
  });

  describe("check a mailbox before it is added", () => {
    const { address } = filled;

    it("and only check, where that is wanted", async () => {
      const page = await fill({ do: "check" });
      assert.equal(page.status, 200);
      const text = words(page);
      assert.match(text, /Microsoft knows the organisation: well contoso\.example is the tenant 6d6f2c6a-/);
      assert.match(text, /The redirect URL is registered: well http:\/\/localhost:\d+\/api\/finish-consent/);
      assert.match(text, /Permissions: to be seen Microsoft will ask the owner for Mail\.Read, Mail\.Read\.Shared\./);
      assert.match(text, /The desk answers: well 127\.0\.0\.1:\d+ answers with HTTP/);
      assert.ok(page.text.includes(`value="${address}"`), "what was entered stays");
      assert.ok(!(await isListed(address)));
    });

    it("and name a domain that Microsoft does not know", async () => {
      const page = await fill({ address: "help@nowhere.example" });
      assert.equal(page.status, 400);
      assert.match(
        words(page),
        /organisation: to be put right .*nowhere\.example.* Check the part of the address after the @/,
      );
      assert.match(words(page), /redirect URL is registered: to be seen Not tried/);
      assert.ok(!(await isListed("help@nowhere.example")));
    });

    it("and name the redirect URL to register, letter for letter", async () => {
      const isProbe = ({ query }: { query: URLSearchParams }) => query.get("prompt") === "none";
      const { entra, clientId } = harness.simulator;
      const registered = `${harness.base}/finish-consent`;
      entra.setRedirectUris(clientId, [registered.toUpperCase()]);
      const page = await fill({});
      assert.equal(page.status, 400);
      assert.match(words(page), /AADSTS50011 for http:\/\/localhost:\d+\/api\/finish-consent/);
      assert.match(
        words(page),
        /Authentication: add under the platform “Web” exactly http:\/\/localhost:\d+\/api\/finish-consent/,
      );
      entra.setRedirectUris(clientId, [registered, `${harness.base}/finish-sign-in`]);
      entra.server.plan(isProbe, { kind: "answer", answer: { status: 200, body: "<html>One moment</html>" } });
      assert.match(words(await fill({ do: "check" })), /registered: to be seen Microsoft gave no clear answer/);
    });

    it("and do not add it then", async () => assert.ok(!(await isListed(address))));

    it("and name a desk that does not answer; whoever knows better adds it all the same", async () => {
      harness.simulator.uvdesk.standIn.setDown(true);
      const page = await fill({});
      assert.equal(page.status, 400);
      assert.match(
        words(page),
        /The desk answers: to be put right 127\.0\.0\.1:\d+: \w+ Check the address of “uvdesk”/,
      );
      const added = await person.press(`${harness.base}/pages`, { ...filled, do: "add-anyway" });
      assert.equal(added.url, `${harness.base}/pages`);
      assert.ok(await isListed(address));
      harness.simulator.uvdesk.standIn.setDown(false);
    });

    it("and add it where all is well, from now on or from a day on", async () => {
      const nobody = "orders@contoso.example";
      assert.match(words(await fill({ address: nobody, from: "date", since: "" })), /choose the day, or “from now on”/);
      const page = await fill({ address: nobody, from: "date", since: "2026-01-31" });
      assert.equal(page.url, `${harness.base}/pages`);
      // A day that was chosen before somebody thought better of it does not count.
      await fill({ address: "billing@contoso.example", from: "now", since: "2026-01-31" });
      const answer = await harness.ask("mailboxes", { headers: { "x-functions-key": "a-function-key" } });
      const { mailboxes } = (await answer.json()) as { mailboxes: { address: string; deliverFrom?: string }[] };
      const from = Object.fromEntries(mailboxes.map((mailbox) => [mailbox.address, mailbox.deliverFrom]));
      assert.equal(from[nobody], "2026-01-31T00:00:00.000Z");
      assert.equal(from["billing@contoso.example"], undefined);
    });

    it("and say so where it is in the list already", async () => {
      const page = await fill({});
      assert.equal(page.status, 400);
      assert.match(words(page), /sales@contoso\.example/);
    });
  });
});
