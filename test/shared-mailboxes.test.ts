import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createPerson } from "./simulator/person/person.ts";
import { type Deskpost, startDeskpost } from "./simulator/run/deskpost.ts";
import { type Simulator, startSimulator } from "./simulator/simulator.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Mailboxes whose owner does not sign in: a delegate does, or an administrator grants the application itself. Against the bundle. */
describe("a shared mailbox", () => {
  let simulator: Simulator;
  let deskpost: Deskpost;
  let id: string;

  before(async () => {
    simulator = await startSimulator({ ports: "free", desk: "uvdesk", startAt: new Date("2026-03-02T08:00:00Z") });
    deskpost = await startDeskpost(simulator, { runTimers: false, runQueues: false, log: () => {} });
    const mailbox = { address: simulator.mailbox.address, desk: "uvdesk", since: "2026-03-01", access: "application" };
    const added = await ask("", mailbox);
    assert.equal(added.status, 201);
    ({ id } = (await added.json()) as { id: string });
  });

  after(async () => {
    await deskpost.stop();
    await simulator.stop();
  });

  function ask(path: string, body: object): Promise<Response> {
    const headers = { accept: "application/json", "content-type": "application/json" };
    return fetch(`${simulator.settings.PUBLIC_BASE_URL}/api/mailboxes${path}`, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
  }

  const administrator = (decision: "accept" | "cancel" = "accept") =>
    createPerson({ oid: simulator.owner.oid, decision });
  const status = async () => (await deskpost.api.mailboxes())[0]?.status;

  async function deliverOne(subject: string): Promise<number> {
    const mime = `From: a@example.org\r\nTo: help@contoso.example\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@example.org>\r\n\r\nHi\r\n`;
    simulator.mailbox.deliver(Buffer.from(mime));
    simulator.clock.advance(60_000);
    await deskpost.fetchMail();
    return simulator.uvdesk.tickets.filter((ticket) => ticket.subject === subject).length;
  }

  describe("by a grant to the application itself", () => {
    it("is not believed before it opens the mailbox", async () => {
      const early = await ask(`/${id}/connect`, {});
      assert.equal(early.status, 409);
      assert.equal(((await early.json()) as { reason: string }).reason, "mailbox-not-opened");
      assert.equal(await status(), "new");
    });

    it("is not connected where the administrator declines", async () => {
      const page = await administrator("cancel").connect(deskpost.api.startConsentUrl(id));
      assert.equal(page.status, 400);
      assert.match(page.text, /permissions were declined/);
      assert.equal(await status(), "new");
    });

    it("does not believe an answer that claims another organisation, or that nobody asked for", async () => {
      const other = "admin_consent=True&tenant=00000000-0000-0000-0000-000000000000&state=made-up";
      const page = await administrator().open(`${new URL(deskpost.api.pageUrl).origin}/api/finish-consent?${other}`);
      assert.equal(page.status, 400);
      assert.equal(await status(), "new");
    });

    it("is connected by the administrator's consent, and delivers", async () => {
      const page = await administrator().connect(deskpost.api.startConsentUrl(id));
      assert.equal(page.status, 200, page.text);
      assert.match(page.text, /Deskpost itself has access/);
      assert.equal(await status(), "connected");
      assert.equal(await deliverOne("First"), 1);
      const names = simulator.keyVault.server.requests
        .map(({ path }) => path)
        .filter((path) => path.includes("refresh-token"));
      assert.deepEqual(names, [], "there is no refresh token to keep");
    });

    it("is one mailbox under all names of its folder: connected twice, it would deliver twice", async () => {
      const folders = simulator.mailbox.folders.filter(({ wellKnownName }) => wellKnownName === "inbox");
      for (const folder of folders.flatMap((inbox) => [inbox.id, inbox.displayName])) {
        const again = { address: simulator.mailbox.address, folder, desk: "webhook", access: "application" };
        const twin = ((await (await ask("", again)).json()) as { id: string }).id;
        const answer = await ask(`/${twin}/connect`, {});
        assert.equal(answer.status, 409);
        assert.partialDeepStrictEqual(await answer.json(), { reason: "same-folder", folder: "inbox" });
        assert.equal((await ask(`/${twin}/remove`, {})).status, 200);
      }
      const archive = { address: simulator.mailbox.address, folder: "archive", desk: "webhook", access: "application" };
      const other = ((await (await ask("", archive)).json()) as { id: string }).id;
      assert.equal((await ask(`/${other}/connect`, {})).status, 200, "another folder is another mailbox");
      assert.equal((await ask(`/${other}/remove`, {})).status, 200);
      assert.equal(await status(), "connected");
    });

    it("lasts: no refresh token can end, and nothing has to be kept", async () => {
      for (let month = 0; month < 5; month += 1) {
        simulator.clock.advance(30 * DAY_MS);
        await deskpost.host.runTimer("keep-tokens");
      }
      assert.equal(await deliverOne("Months later"), 1);
      assert.equal(simulator.entra.tokenRequests.refresh_token, 0);
    });

    it("needs the administrator where the organisation blocks the application, and heals with the daily probe", async () => {
      const isTokenRequest = ({ form }: { form: URLSearchParams }) => form.get("grant_type") === "client_credentials";
      const body = JSON.stringify({
        error: "invalid_client",
        error_codes: [7000112],
        error_description: "AADSTS7000112",
      });
      const answer = { status: 400, headers: { "content-type": "application/json" }, body };
      simulator.entra.server.plan(isTokenRequest, { kind: "answer", answer }, 2);
      simulator.clock.advance(2 * HOUR_MS);
      await deskpost.fetchMail();
      assert.equal(await status(), "needs-admin");
      await deskpost.host.runTimer("keep-tokens");
      assert.equal(await status(), "connected");
      assert.equal(await deliverOne("After the block"), 1);
    });

    it("can be connected without a page where it is granted already, as by Exchange's own roles", async () => {
      assert.equal((await ask(`/${id}/remove`, {})).status, 200);
      await ask("", { address: simulator.mailbox.address, desk: "uvdesk", since: "2026-03-01", access: "application" });
      assert.equal((await ask(`/${id}/connect`, {})).status, 200);
      assert.equal(await status(), "connected");
      assert.equal(await deliverOne("Again"), 1);
      assert.equal(simulator.uvdesk.tickets.length, 4, "what was delivered before is not delivered again");
    });
  });

  describe("by a delegate's sign-in", () => {
    const shared = "shared@contoso.example";
    let sharedId: string;

    before(async () => {
      const owner = "9d8c7b6a-5f4e-4d3c-8b2a-1f0e9d8c7b6a";
      const mailbox = simulator.graph.addMailbox({
        address: shared,
        ownerOid: owner,
        delegates: [simulator.owner.oid],
      });
      mailbox.deliver(Buffer.from("From: a@example.org\r\nSubject: To all of us\r\n\r\nHi\r\n"));
      const wanted = { address: shared, desk: "webhook", since: "2026-03-01", acknowledge: "mark-read" };
      sharedId = ((await (await ask("", wanted)).json()) as { id: string }).id;
    });

    it("is refused to somebody without rights to it, who learns what is missing", async () => {
      const somebody = createPerson({ oid: simulator.stranger.oid });
      const page = await somebody.connect(deskpost.api.startConsentUrl(sharedId));
      assert.equal(page.status, 400);
      assert.match(page.text, /sam@contoso\.example signed in, but cannot open the mailbox/);
    });

    it("delivers and marks, with the rights on what is shared", async () => {
      const page = await administrator().connect(deskpost.api.startConsentUrl(sharedId));
      assert.equal(page.status, 200, page.text);
      simulator.clock.advance(60_000);
      await deskpost.fetchMail();
      assert.equal(simulator.webhook.received.length, 1);
      assert.equal(simulator.graph.mailbox(shared)?.messages()[0]?.isRead, true);
    });
  });
});
