import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import type { CheckReport } from "../shared/health/checks/diagnostics.ts";
import type { CheckStep } from "../shared/health/checks/run-checks.ts";
import { createLedger } from "../shared/mail/ledger/ledger-table.ts";
import { azuriteTables } from "./shared/azurite-tables.ts";
import { type FunctionsHost, startFunctionsHost } from "./simulator/host/functions-host.ts";
import { createPerson } from "./simulator/person/person.ts";
import { type Simulator, startSimulator } from "./simulator/simulator.ts";

const NAMES = [
  "configuration",
  "address",
  "storage",
  "key vault",
  "timer",
  "organisation",
  "application",
  "grant",
  "mailbox",
  "desk",
  "backlog",
];

/** The check of a mailbox from end to end: the bundle, over HTTP, with one thing broken at a time. */
describe("the check of a mailbox", () => {
  let simulator: Simulator;
  let host: FunctionsHost;
  let base: string;
  let id: string;

  before(async () => {
    simulator = await startSimulator({ ports: "free", desk: "uvdesk" });
    await simulator.deskpostPort.release();
    host = await startFunctionsHost({
      appFolder: path.join(import.meta.dirname, ".."),
      port: simulator.deskpostPort.port,
      settings: simulator.settings,
      runTimers: false,
      runQueues: false,
      log: () => {},
    });
    base = `${simulator.settings.PUBLIC_BASE_URL}/api`;
    const added = await post("mailboxes", { address: simulator.mailbox.address, desk: "uvdesk" });
    id = ((await added.json()) as { id: string }).id;
  });

  after(async () => {
    await host.stop();
    await simulator.stop();
  });

  const post = (route: string, body: object = {}) =>
    fetch(`${base}/${route}`, { method: "POST", body: JSON.stringify(body) });

  async function check(options: object = {}): Promise<CheckReport> {
    const response = await post(`mailboxes/${id}/check`, options);
    assert.equal(response.status, 200);
    return (await response.json()) as CheckReport;
  }

  function results({ steps }: CheckReport): Record<string, string> {
    return Object.fromEntries(steps.filter(({ result }) => result !== "ok").map(({ name, result }) => [name, result]));
  }

  function step({ steps }: CheckReport, name: string): CheckStep {
    return steps.find((one) => one.name === name) ?? assert.fail(`there is no step ${name}`);
  }

  it("says of a mailbox that nobody has connected what is missing, and tries the rest all the same", async () => {
    const report = await check();
    assert.deepEqual(
      report.steps.map(({ name }) => name),
      NAMES,
    );
    assert.equal(report.result, "failed");
    assert.deepEqual(results(report), { timer: "failed", grant: "failed", mailbox: "skipped", backlog: "warning" });
    assert.match(step(report, "timer").remedy ?? "", /fetch-mail has never run.*FETCH_SCHEDULE/);
    assert.match(step(report, "grant").remedy ?? "", /its owner does it with "Connect"/);
    assert.match(step(report, "mailbox").remedy ?? "", /"grant" has to be in order first/);
    for (const { result, remedy } of report.steps) assert.equal(remedy === undefined, result === "ok");
  });

  it("finds nothing wrong where nothing is, and shows by what", async () => {
    await createPerson({ oid: simulator.owner.oid }).connect(`${base}/start-consent?mailbox=${id}`);
    await host.runTimer("fetch-mail");
    const report = await check();
    assert.deepEqual(results(report), {});
    assert.equal(report.result, "ok");
    const evidence = Object.fromEntries(report.steps.map((one) => [one.name, one.evidence]));
    assert.equal(evidence.address?.redirectUrl, `${base}/finish-consent`);
    assert.equal(evidence.address?.status, 200);
    assert.equal(evidence.organisation?.tenantId, simulator.owner.tenantId);
    assert.equal(evidence.grant?.by, simulator.owner.userName);
    assert.equal(evidence.grant?.refreshTokenStored, true);
    assert.equal(evidence.mailbox?.entries, 0);
    assert.equal(evidence.desk?.testMessage, undefined);
    assert.equal(evidence.backlog?.lagSeconds, 0);
    assert.equal(simulator.uvdesk.received.length, 0, "the desk was offered something");
  });

  it("tells mail that has waited for long; mail that was old when it was found has not", async () => {
    const ledger = createLedger({ tables: azuriteTables(simulator.azurite), now: () => new Date() });
    const run = (await ledger.lease(id)) ?? assert.fail("another run holds the lease");
    const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000);
    await run.record([{ messageId: "old", receivedAt: ago(30 * 24 * 60) }], {});
    const { result, evidence } = step(await check(), "backlog");
    assert.deepEqual(
      { result, pending: evidence.pending, lag: evidence.lagSeconds },
      { result: "ok", pending: 1, lag: 0 },
    );

    await run.record([{ messageId: "late", receivedAt: ago(20) }], {});
    const late = step(await check(), "backlog");
    assert.equal(late.result, "warning");
    assert.ok(Number(late.evidence.lagSeconds) >= 20 * 60);
    for (const entry of await run.due(new Date(), 2)) {
      const claimed = (await run.claim(entry, ago(-1))) ?? assert.fail("not claimed");
      await run.settle(claimed, { state: "delivered", answer: "", acknowledge: false }, new Date());
    }
    await run.release();
  });

  it("leaves one version of one secret in Key Vault, however often it is made", async () => {
    await check();
    assert.equal(simulator.keyVault.read("deskpost-check").length, 1);
  });

  it("hands the desk a message where it is asked to, each time another one, marked as a test", async () => {
    const keys = new Set<unknown>();
    for (let times = 0; times < 2; times += 1) {
      const { evidence } = step(await check({ testMessage: true }), "desk");
      assert.equal(evidence.testMessage, "accepted");
      keys.add(evidence.key);
    }
    assert.equal(keys.size, 2);
    assert.deepEqual(
      simulator.uvdesk.tickets.map(({ subject }) => subject),
      ["Test message of Deskpost, please delete", "Test message of Deskpost, please delete"],
    );
    const response = await post(`mailboxes/${id}/check`, { testMessage: "yes" });
    assert.equal(response.status, 400);
  });

  it("answers 404 for a mailbox that is not there", async () => {
    assert.equal((await post("mailboxes/0123456789abcdef/check")).status, 404);
  });

  it("tells a desk that is down, and what of the way before it is in order", async () => {
    simulator.uvdesk.standIn.setDown(true);
    const report = await check({ testMessage: true });
    simulator.uvdesk.standIn.setDown(false);
    assert.deepEqual(results(report), { desk: "failed" });
    assert.match(step(report, "desk").remedy ?? "", /address of "uvdesk" in the setting DESKS/);
  });

  it("does not call a desk well at whose address there is nothing", async () => {
    simulator.uvdesk.standIn.plan(({ method }) => method === "HEAD", { kind: "answer", answer: { status: 404 } });
    const report = await check();
    assert.deepEqual(results(report), { desk: "warning" });
    assert.match(step(report, "desk").remedy ?? "", /nothing at this address/);
  });

  it("tells a client secret that has ended", async () => {
    simulator.entra.expireSecrets(simulator.clientId);
    const report = await check();
    assert.deepEqual(results(report), { application: "failed" });
    assert.equal(step(report, "application").evidence.entraCode, "AADSTS7000222");
    await simulator.renewClientSecret();
  });

  it("tells a vault that refuses, and skips what needs it", async () => {
    simulator.keyVault.server.setDown(true);
    const report = await check();
    simulator.keyVault.server.setDown(false);
    assert.deepEqual(results(report), {
      "key vault": "failed",
      application: "skipped",
      grant: "skipped",
      mailbox: "skipped",
    });
    assert.match(step(report, "key vault").remedy ?? "", /KEY_VAULT_URL/);
  });

  it("holds no token, secret, subject or sender in its answers", async () => {
    simulator.mailbox.deliver(
      Buffer.from("From: spy@example.org\r\nTo: help@contoso.example\r\nSubject: Confidential\r\n\r\nHi\r\n"),
    );
    const text = JSON.stringify(await check({ testMessage: true }));
    assert.doesNotMatch(text, /eyJ|spy@|Confidential|whsec_|simulated~/);
  });
});
