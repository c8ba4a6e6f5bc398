import assert from "node:assert/strict";
import path from "node:path";
import { env } from "node:process";
import { after, before, describe, it } from "node:test";
import { QueueClient } from "@azure/storage-queue";
import { type FunctionsHost, startFunctionsHost } from "./simulator/host/functions-host.ts";
import { createPerson, type Person } from "./simulator/person/person.ts";
import { type Simulator, startSimulator } from "./simulator/simulator.ts";

const KEY = "a-function-key";

/** The functions as the host sees them: the bundle, over HTTP. */
describe("the functions", () => {
  let simulator: Simulator;
  let host: FunctionsHost;
  let base: string;
  const logLines: string[] = [];

  before(async () => {
    simulator = await startSimulator({ ports: "free", desk: "uvdesk" });
    administrator = createPerson(simulator.administrator);
    await simulator.deskpostPort.release();
    // Two settings are wrong when the app starts.
    const settings = { ...simulator.settings, DESKS: "{", FETCH_SCHEDULE: "every minute" };
    host = await startFunctionsHost({
      appFolder: path.join(import.meta.dirname, ".."),
      port: simulator.deskpostPort.port,
      settings,
      functionKey: KEY,
      runTimers: false,
      runQueues: false,
      log: ({ message }) => logLines.push(message),
    });
    base = `${simulator.settings.PUBLIC_BASE_URL}/api`;
  });

  after(async () => {
    await host.stop();
    await simulator.stop();
  });

  const ask = (route: string, init: RequestInit = {}) =>
    fetch(`${base}/${route}`, { redirect: "manual", ...init, headers: { "x-functions-key": KEY, ...init.headers } });
  const post = (route: string, body: unknown, headers: Record<string, string> = {}) =>
    ask(route, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json", ...headers },
    });
  let administrator: Person;
  const codeOf = async (response: Response) => ((await response.json()) as { code?: string }).code;

  describe("with faulty settings", () => {
    it("are all found by the host", () => {
      assert.deepEqual([...host.functionNames].sort(), [
        "api-invite",
        "api-read",
        "api-remove",
        "api-remove-by-post",
        "api-write",
        "fetch-mail",
        "fetch-mailbox",
        "finish-consent",
        "finish-sign-in",
        "health",
        "invitation",
        "keep-tokens",
        "openapi",
        "pages",
        "poison-fetches",
        "sign-in",
        "sign-out",
        "start-consent",
      ]);
      assert.deepEqual(host.faults, []);
    });

    it("fail in each run with every fault, by setting", async () => {
      await assert.rejects(host.runTimer("fetch-mail"), (error: Error) => {
        assert.match(error.message, /DESKS: is not JSON/);
        assert.match(
          error.message,
          /FETCH_SCHEDULE: "every minute" is neither NCRONTAB of six or five fields nor a time span/,
        );
        return true;
      });
      const health = await fetch(`${base}/health`);
      assert.equal(health.status, 503);
      const told = await health.text();
      const { status, settings } = JSON.parse(told) as { status: string; settings: string[] };
      assert.equal(status, "configuration");
      assert.deepEqual(settings.sort(), ["DESKS", "FETCH_SCHEDULE"]);
      assert.ok(!told.includes("every minute"), "a stranger learns no value");
    });

    it("name them to strangers on every route, and never their values or anything within", async () => {
      const links = {
        PAGE_LINKS: '{"Secret name":"http://intern.contoso.test/wiki"}',
        KEY_VAULT_URL: "http://vault.intern",
      };
      Object.assign(env, links);
      for (const { path: route, methods } of host.routes) {
        const address = route
          .replace("{id}", "x")
          .replace(/\/\{.*$/, "")
          .replace(/^api\//, "");
        for (const accept of ["text/html", "application/json"]) {
          const answer = await ask(address, { method: methods[0] ?? "", headers: { accept } });
          const told = await answer.text();
          assert.ok(answer.status >= 500, `${route}: ${answer.status}`);
          for (const setting of ["DESKS", "FETCH_SCHEDULE", "PAGE_LINKS", "KEY_VAULT_URL"])
            assert.match(told, new RegExp(setting), route);
          assert.doesNotMatch(told, /Secret name|intern|every minute/, route);
        }
      }
      const { KEY_VAULT_URL = "", PAGE_LINKS = "" } = simulator.settings;
      Object.assign(env, { KEY_VAULT_URL, PAGE_LINKS });
    });

    it("have loaded nothing of OpenTelemetry's SDK, because there is nowhere to send to", () => {
      const registered = (globalThis as Record<symbol, Record<string, unknown> | undefined>)[
        Symbol.for("opentelemetry.js.api.1")
      ];
      assert.equal(registered?.trace, undefined);
      assert.equal(host.capabilities.WorkerOpenTelemetryEnabled, undefined);
    });

    it("work at the next run once they are put right, without a restart", async () => {
      Object.assign(env, simulator.settings);
      await host.runTimer("fetch-mail");
      assert.equal((await fetch(`${base}/health`)).status, 200);
    });
  });

  it("turn unhealthy when no tick has come for a while", async () => {
    simulator.clock.advance(6 * 60_000);
    const health = await fetch(`${base}/health`);
    assert.equal(health.status, 503);
    assert.equal(((await health.json()) as { status: string }).status, "no recent tick");
    await host.runTimer("fetch-mail");
    assert.equal((await fetch(`${base}/health`)).status, 200);
  });

  describe("mailboxes", () => {
    const help = { address: "Help@Contoso.example", desk: "uvdesk", since: "2020-01-01" };
    let id: string;

    it("adds one, lists it, and refuses it a second time", async () => {
      const added = await post("mailboxes", help);
      assert.equal(added.status, 201);
      const mailbox = (await added.json()) as { id: string; address: string; status: string; etag?: string };
      assert.deepEqual([mailbox.address, mailbox.status, mailbox.etag], ["help@contoso.example", "new", undefined]);
      id = mailbox.id;
      const again = await post("mailboxes", help);
      assert.equal(again.status, 409);
      assert.equal(await codeOf(again), "MAILBOX_EXISTS");
      const { mailboxes } = (await (await ask("mailboxes")).json()) as { mailboxes: { id: string }[] };
      assert.deepEqual(
        mailboxes.map((one) => one.id),
        [id],
      );
    });

    it("names every wrong field at once", async () => {
      const response = await post("mailboxes", {
        address: "nobody",
        folder: "a/b",
        since: "soon",
        acknowledge: "burn",
      });
      assert.equal(response.status, 400);
      const { message } = (await response.json()) as { message: string };
      for (const field of ["address", "folder", "since", "acknowledge", "desk"])
        assert.match(message, new RegExp(`\\b${field}\\b`));
    });

    it("answers what it does not know with the reason", async () => {
      assert.equal((await post("mailboxes", { ...help, address: "b@contoso.example", desk: "nowhere" })).status, 400);
      assert.equal((await ask("mailboxes", { method: "POST", body: "{" })).status, 400);
      assert.equal((await post("mailboxes/ffffffffffffffff/pause", {})).status, 404);
      assert.equal((await post(`mailboxes/${id}/explode`, {})).status, 400);
      assert.equal((await ask("start-consent?mailbox=ffffffffffffffff")).status, 404);
    });

    it("connects, delivers at once through the queue, and shows it on the page", async () => {
      simulator.mailbox.deliver(
        Buffer.from(
          "From: a@example.org\r\nTo: help@contoso.example\r\nSubject: First\r\nMessage-ID: <1@example.org>\r\n\r\nHi\r\n",
        ),
      );
      const page = await createPerson({ oid: simulator.owner.oid }).connect(
        `${base}/start-consent?mailbox=${id}&code=${KEY}`,
      );
      assert.equal(page.status, 200, page.text);
      assert.match(page.text, /help@contoso\.example is connected/);
      await host.drainQueues();
      assert.deepEqual(
        simulator.uvdesk.tickets.map(({ subject }) => subject),
        ["First"],
      );
      const list = await administrator.signIn(`${base}/pages`);
      assert.match(list.text, /Connected; all mail delivered/);
    });

    it("presses no button for another site", async () => {
      for (const origin of ["https://evil.example", "null"]) {
        const response = await post(`mailboxes/${id}/pause`, {}, { origin });
        assert.equal(response.status, 403, origin);
      }
      await administrator.open(`${base}/pages`);
      assert.match((await administrator.press(`${base}/pages/mailboxes/${id}/pause`)).text, /Paused/);
    });

    it("does not fetch a paused one, resumes it, and fetches on demand", async () => {
      simulator.mailbox.deliver(
        Buffer.from(
          "From: a@example.org\r\nTo: help@contoso.example\r\nSubject: Second\r\nMessage-ID: <2@example.org>\r\n\r\nHi\r\n",
        ),
      );
      await host.runTimer("fetch-mail");
      await post(`mailboxes/${id}/fetch`, {});
      await host.drainQueues();
      assert.equal(simulator.uvdesk.tickets.length, 1);
      await post(`mailboxes/${id}/resume`, {});
      await post(`mailboxes/${id}/fetch`, {});
      await host.drainQueues();
      assert.equal(simulator.uvdesk.tickets.length, 2);
      const { messages } = (await (await ask(`mailboxes/${id}/messages?state=delivered`)).json()) as {
        messages: unknown[];
      };
      assert.equal(messages.length, 2);
    });

    it("removes one with its tokens; added again it doubles nothing", async () => {
      assert.equal((await ask(`mailboxes/${id}`, { method: "DELETE" })).status, 200);
      assert.equal((await ask(`mailboxes/${id}`)).status, 404);
      const names = simulator.keyVault.server.requests.map(({ path: at }) => /refresh-token-[\w-]+/.exec(at)?.[0]);
      for (const name of new Set(names)) if (name !== undefined) assert.deepEqual(simulator.keyVault.read(name), []);

      await post("mailboxes", help);
      await createPerson({ oid: simulator.owner.oid }).connect(`${base}/start-consent?mailbox=${id}&code=${KEY}`);
      await host.drainQueues();
      assert.equal(simulator.uvdesk.received.length, 2, "the desk was offered nothing again");
    });
  });

  it("record on the mailbox that the queue gave up on its fetch", async () => {
    const { mailboxes } = (await (await ask("mailboxes")).json()) as { mailboxes: { id: string }[] };
    const mailboxId = mailboxes[0]?.id;
    const poison = new QueueClient(simulator.azurite.connectionString, "mailbox-fetches-poison");
    await poison.createIfNotExists();
    await poison.sendMessage(JSON.stringify({ mailboxId }));
    for (const foreign of ["no message of ours", "%%%", "/w==", "{}", "null"]) await poison.sendMessage(foreign);
    const before = host.invocations.length;
    await host.drainQueues();
    const runs = host.invocations.slice(before).filter(({ name }) => name === "poison-fetches");
    assert.deepEqual(
      runs.map(({ ok }) => ok),
      Array(6).fill(true),
      "each body is seen, whatever it holds, so that its alert comes",
    );
    assert.deepEqual(await poison.peekMessages().then(({ peekedMessageItems }) => peekedMessageItems), []);
    const mailbox = (await (await ask(`mailboxes/${mailboxId}`)).json()) as { lastError?: { code: string } };
    assert.equal(mailbox.lastError?.code, "FETCH_ABANDONED");
  });

  it("tell of a message on the queue that names no mailbox, and read those of version 0.1.0", async () => {
    const queue = new QueueClient(simulator.azurite.connectionString, "mailbox-fetches");
    const { mailboxes } = (await (await ask("mailboxes")).json()) as { mailboxes: { id: string }[] };
    const mailboxId = mailboxes[0]?.id;
    const before = host.invocations.length;
    await queue.sendMessage("/w==");
    await queue.sendMessage(Buffer.from(JSON.stringify({ mailboxId })).toString("base64"));
    await host.drainQueues();
    const runs = host.invocations.slice(before).filter(({ name }) => name === "fetch-mailbox");
    assert.deepEqual(
      runs.map(({ ok }) => ok),
      [true, true],
    );
    const mailbox = (await (await ask(`mailboxes/${mailboxId}`)).json()) as { lastError?: { code: string } };
    assert.notEqual(mailbox.lastError?.code, "FETCH_ABANDONED", "the run succeeded");
  });

  it("survive a message on the queue for a mailbox that is gone", async () => {
    const before = host.invocations.length;
    const { mailboxes } = (await (await ask("mailboxes")).json()) as { mailboxes: { id: string }[] };
    const [mailbox] = mailboxes;
    assert(mailbox);
    await post(`mailboxes/${mailbox.id}/fetch`, {});
    await post(`mailboxes/${mailbox.id}/remove`, {});
    await host.drainQueues();
    const queued = host.invocations.slice(before).filter(({ name }) => name === "fetch-mailbox");
    assert.deepEqual(
      queued.map(({ ok }) => ok),
      [true],
    );
  });
});
