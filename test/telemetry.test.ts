import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { QueueClient } from "@azure/storage-queue";
import { METRICS, type MetricName } from "../shared/telemetry/metrics.ts";
import type { LogLine } from "./simulator/host/host-invocations.ts";
import type { SeenLog, SeenMetric, SeenSpan } from "./simulator/insights/envelopes.ts";
import { type Deskpost, startDeskpost } from "./simulator/run/deskpost.ts";
import { connectMailbox } from "./simulator/run/once.ts";
import { type Simulator, startSimulator } from "./simulator/simulator.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const LAG_SECONDS = 60;

/** What Application Insights would have of a piece of work. */
interface Sent {
  readonly spans: readonly SeenSpan[];
  readonly metrics: readonly SeenMetric[];
  readonly logs: readonly SeenLog[];
}

/** The bundle that is deployed, with the exporters that are deployed; only the receiver is a stand-in. */
describe("telemetry", () => {
  let simulator: Simulator;
  let deskpost: Deskpost;
  let mailboxId: string;
  const lines: LogLine[] = [];
  let mails = 0;

  before(async () => {
    const startAt = new Date("2026-03-02T08:00:00Z");
    simulator = await startSimulator({ ports: "free", desk: "uvdesk", startAt, telemetry: true });
    deskpost = await startDeskpost(simulator, { runTimers: false, runQueues: false, log: (line) => lines.push(line) });
    mailboxId = await connectMailbox(simulator, deskpost);
    await tick();
  });
  after(async () => {
    await deskpost.stop();
    await simulator.stop();
  });
  beforeEach(() => {
    lines.length = 0;
  });

  function receiveMail(): void {
    mails += 1;
    const mime = `From: Ann <ann@example.org>\r\nSubject: Private words\r\nMessage-ID: <${mails}@example.org>\r\n\r\nHello.\r\n`;
    simulator.mailbox.deliver(Buffer.from(mime));
  }

  async function tick(afterMs = MINUTE_MS): Promise<void> {
    simulator.clock.advance(afterMs);
    await deskpost.fetchMail();
  }

  /** What was sent of the work, all of which ends with a timer or a queue message. */
  async function during(work: () => Promise<unknown>): Promise<Sent> {
    const { insights } = simulator;
    insights.clear();
    await work();
    return { spans: [...insights.spans], metrics: [...insights.metrics], logs: [...insights.logs] };
  }

  const rows = ({ metrics }: Sent, name: MetricName) =>
    metrics.filter((metric) => metric.name === name).map(({ value, properties }) => ({ value, ...properties }));
  const namesIn = ({ spans }: Sent) => [...new Set(spans.map(({ name }) => name))].sort();
  const eventsIn = ({ logs }: Sent) => logs.map(({ event }) => event);
  const runOf = ({ spans }: Sent) =>
    spans.find(({ name }) => name === "fetch mailbox") ?? assert.fail("no run was sent");

  it("is left to the worker by the host, so that nothing arrives twice", () => {
    assert.equal(deskpost.host.capabilities.WorkerOpenTelemetryEnabled, "true");
  });

  it("of a mail: its way in spans, one within the other, by names without ids", async () => {
    receiveMail();
    const sent = await during(() => tick());
    const run = runOf(sent);
    const calls = sent.spans.filter(({ parentId }) => parentId === run.id);
    const names = [...new Set(calls.map(({ name }) => name))].filter((name) => !name.includes("table"));
    assert.deepEqual(names.sort(), [
      "GET graph /users/{id}/mailFolders/{id}/messages/delta",
      "GET graph /users/{id}/messages/{id}/$value",
      "POST desk uvdesk",
    ]);
    assert.deepEqual(
      [...new Set(sent.spans.map(({ traceId }) => traceId))],
      [run.traceId],
      "all in the host's own trace",
    );
    assert.deepEqual(run.properties, { "deskpost.mailbox": mailboxId, "deskpost.outcome": "fetched" });
    assert.ok(sent.spans.every(({ failed }) => !failed));
    assert.ok(sent.logs.every(({ traceId }) => traceId === run.traceId));
  });

  it("of a mail: exactly these metrics", async () => {
    receiveMail();
    const sent = await during(() => tick());
    const mailbox = { mailboxId, desk: "uvdesk" };
    const found = Object.fromEntries(
      Object.keys(METRICS)
        .map((name) => [name, rows(sent, name as MetricName)] as const)
        .filter(([, some]) => some.length > 0),
    );
    const {
      "deskpost.lag": [lag] = [],
      "deskpost.tick.duration": ticks = [],
      "deskpost.run.duration": runs = [],
      ...others
    } = found;
    assert.ok(lag !== undefined && lag.value >= LAG_SECONDS && lag.value < 2 * LAG_SECONDS, JSON.stringify(lag));
    assert.deepEqual([ticks.length, runs.length], [1, 1]);
    assert.deepEqual(others, {
      "deskpost.ticks": [{ value: 1 }],
      "deskpost.tick.due": [{ value: 1 }],
      "deskpost.tick.queued": [{ value: 0 }],
      "deskpost.mailboxes": [
        { value: 0, status: "new" },
        { value: 1, status: "connected" },
        { value: 0, status: "needs-owner" },
        { value: 0, status: "needs-admin" },
        { value: 0, status: "paused" },
      ],
      "deskpost.success.age": [{ value: 0 }],
      "deskpost.app.misconfigured": [{ value: 0 }],
      "deskpost.runs": [{ value: 1, outcome: "fetched" }],
      "deskpost.messages.discovered": [{ value: 1 }],
      "deskpost.messages": [{ value: 1, outcome: "delivered", ...mailbox }],
      "deskpost.pending": [{ value: 0, ...mailbox }],
      "deskpost.quarantined": [{ value: 0, ...mailbox }],
    });
    assert.deepEqual(
      sent.metrics.filter(({ name }) => !(name in METRICS)),
      [],
      "no metric that the table does not name",
    );
  });

  it("counts every run, but shows few of those in which nothing happened", async () => {
    const sent = await during(async () => {
      for (let minute = 0; minute < 30; minute += 1) await tick();
    });
    assert.equal(
      rows(sent, "deskpost.runs").reduce((sum, { value }) => sum + value, 0),
      30,
    );
    assert.ok(sent.spans.filter(({ name }) => name === "fetch mailbox").length < 15);
    assert.deepEqual([...new Set(eventsIn(sent))].sort(), ["mailboxes watched", "tick finished", "tick started"]);
    assert.ok(!namesIn(sent).includes("GET table Ledger") || sent.spans.some(({ name }) => name === "fetch mailbox"));
  });

  it("links a run to the request that asked for it through the queue", async () => {
    receiveMail();
    simulator.clock.advance(MINUTE_MS);
    const sent = await during(async () => {
      const fetchNow = `${simulator.settings.PUBLIC_BASE_URL}/api/mailboxes/${mailboxId}/fetch`;
      assert.equal((await fetch(fetchNow, { method: "POST" })).status, 200);
      await deskpost.host.drainQueues();
    });
    const run = runOf(sent);
    const [link] = JSON.parse(run.properties["_MS.links"] ?? "[]") as { operation_Id: string; id: string }[];
    const asked = sent.spans.find(({ name, traceId }) => name === "PATCH table Mailboxes" && traceId !== run.traceId);
    assert.ok(link !== undefined && link.operation_Id === asked?.traceId && link.id === asked.parentId);
  });

  it("takes a message of the queue that names no cause, or nonsense for one", async () => {
    const queue = new QueueClient(simulator.azurite.connectionString, "mailbox-fetches");
    for (const message of [{ mailboxId }, { mailboxId, traceparent: "00-nonsense" }]) {
      receiveMail();
      simulator.clock.advance(MINUTE_MS);
      const sent = await during(async () => {
        await queue.sendMessage(Buffer.from(JSON.stringify(message)).toString("base64"));
        await deskpost.host.drainQueues();
      });
      assert.equal(runOf(sent).properties["_MS.links"], undefined);
    }
  });

  it("of a throttle: the answer, the run that failed, and its code", async () => {
    simulator.graph.server.plan(() => true, {
      kind: "answer",
      answer: { status: 429, headers: { "retry-after": "120" }, body: "" },
    });
    const sent = await during(() => tick());
    assert.deepEqual(rows(sent, "deskpost.throttles"), [{ value: 1, service: "graph", mailboxId }]);
    assert.deepEqual(rows(sent, "deskpost.runs"), [
      { value: 1, outcome: "failed", mailboxId, code: "GRAPH_THROTTLED" },
    ]);
    assert.equal(runOf(sent).failed, true);
    await tick(5 * MINUTE_MS);
  });

  it("of a budget that is nearly used: how much of it", async () => {
    simulator.graph.server.setHeaders({ "x-ms-throttle-limit-percentage": "0.85" });
    const sent = await during(() => tick());
    simulator.graph.server.setHeaders({});
    assert.deepEqual(rows(sent, "deskpost.graph.budget"), [{ value: 0.85, service: "graph", mailboxId }]);
  });

  it("of announcements by Graph and Entra: each once a day", async () => {
    const announced = {
      deprecation: "@1798675200",
      sunset: "Thu, 31 Dec 2026 23:59:59 GMT",
      warning: '299 - "Ends soon"',
    };
    simulator.graph.server.setHeaders(announced);
    simulator.entra.server.setHeaders({ sunset: "Thu, 31 Dec 2026 23:59:59 GMT" });
    const announcements = ({ logs }: Sent) =>
      logs
        .filter(({ event }) => event === "change announced")
        .map(({ fields: { service, header, route, text } }) => [service, header, route, text].join(" "));
    const first = await during(() => tick(2 * HOUR_MS));
    const told = announcements(first);
    const delta = "/users/{id}/mailFolders/{id}/messages/delta";
    for (const expected of [
      "entra sunset /{tenant}/oauth2/v2.0/token Thu, 31 Dec 2026 23:59:59 GMT",
      `graph deprecation ${delta} @1798675200`,
      `graph sunset ${delta} Thu, 31 Dec 2026 23:59:59 GMT`,
      `graph warning ${delta} 299 - "Ends soon"`,
    ]) {
      assert.equal(told.filter((line) => line === expected).length, 1, expected);
    }
    const counted = rows(first, "deskpost.deprecations").reduce((sum, { value }) => sum + value, 0);
    assert.equal(counted, told.length);
    assert.deepEqual(announcements(await during(() => tick())), []);
    assert.ok(announcements(await during(() => tick(DAY_MS))).length >= 4);
    simulator.graph.server.setHeaders({});
    simulator.entra.server.setHeaders({});
  });

  it("of a desk that is down: the attempt, why, and what waits", async () => {
    receiveMail();
    simulator.uvdesk.standIn.setDown(true);
    const sent = await during(() => tick());
    simulator.uvdesk.standIn.setDown(false);
    assert.deepEqual(rows(sent, "deskpost.desk.failures"), [
      { value: 1, desk: "uvdesk", because: "desk", code: "NO_ANSWER" },
    ]);
    assert.deepEqual(rows(sent, "deskpost.messages"), [{ value: 1, outcome: "failed", mailboxId, desk: "uvdesk" }]);
    assert.deepEqual(rows(sent, "deskpost.pending"), [{ value: 1, mailboxId, desk: "uvdesk" }]);
    assert.deepEqual(rows(sent, "deskpost.desk.down"), [{ value: 1, desk: "uvdesk" }]);
    const healed = await during(() => tick(10 * MINUTE_MS));
    assert.deepEqual(rows(healed, "deskpost.desk.down"), [{ value: 0, desk: "uvdesk" }]);
  });

  it("names a mailbox that is late, at each tick until it is not", async () => {
    simulator.graph.server.setDown(true);
    await tick();
    const sent = await during(() => tick(20 * MINUTE_MS));
    simulator.graph.server.setDown(false);
    const [age, ...others] = rows(sent, "deskpost.mailbox.success.age");
    assert.deepEqual(others, []);
    assert.ok(age !== undefined && age.value >= 20 * 60);
    assert.deepEqual({ ...age, value: 0 }, { value: 0, mailboxId, desk: "uvdesk", code: "GRAPH_UNAVAILABLE" });
    assert.ok((rows(sent, "deskpost.success.age")[0]?.value ?? 0) >= 20 * 60);
    const healed = await during(() => tick());
    assert.deepEqual(rows(healed, "deskpost.mailbox.success.age"), []);
  });

  it("of an application that Entra refuses: one alarm, at each tick", async () => {
    simulator.entra.expireSecrets(simulator.clientId);
    await tick(2 * HOUR_MS);
    const sent = await during(() => tick());
    assert.deepEqual(rows(sent, "deskpost.app.misconfigured"), [{ value: 1 }]);
    assert.equal((await fetch(`${simulator.settings.PUBLIC_BASE_URL}/api/health`)).status, 503);
    await simulator.renewClientSecret();
    await tick();
    assert.deepEqual(rows(await during(() => tick()), "deskpost.app.misconfigured"), [{ value: 0 }]);
  });

  it("of tokens: how long they live, and which ends first", async () => {
    const refreshed = await during(() => tick(2 * HOUR_MS));
    assert.deepEqual(rows(refreshed, "deskpost.token.refreshes"), [{ value: 1, outcome: "refreshed" }]);
    const [token] = rows(refreshed, "deskpost.token.remaining");
    assert.ok(token !== undefined && token.value >= 3_600 && token.value <= 5_400);
    const kept = await during(() => deskpost.host.runTimer("keep-tokens"));
    const [grant] = rows(kept, "deskpost.grants.remaining");
    assert.ok(grant !== undefined && grant.value > 80 * 86_400 && grant.value <= 90 * 86_400);
  });

  it("harms no run while it cannot be sent, and says so in the log of the next ones, once", async () => {
    receiveMail();
    const ticketsBefore = simulator.uvdesk.tickets.length;
    simulator.insights.clear();
    simulator.insights.server.setDown(true);
    const tookMs: number[] = [];
    for (let ticks = 0; ticks < 5; ticks += 1) {
      const startedAt = performance.now();
      await tick(10 * SECOND_MS);
      tookMs.push(performance.now() - startedAt);
    }
    simulator.insights.server.setDown(false);
    assert.equal(simulator.uvdesk.tickets.length, ticketsBefore + 1);
    // The first one waits its three seconds in vain; those after it do not wait.
    assert.ok(Math.min(...tookMs) < 2.5 * SECOND_MS, String(tookMs));
    const told = lines.filter(({ message }) => message.includes('"telemetry failed"'));
    assert.equal(told.length, 1, JSON.stringify(told));
    assert.ok(deskpost.host.invocations.every(({ ok }) => ok));

    // The exporter's own attempts wait for some real seconds between them: as many ticks as it takes, within a minute.
    // What arrives between two ticks counts as well.
    const isTold = () => simulator.insights.logs.some(({ event }) => event === "telemetry failed");
    const giveUpAt = performance.now() + 60 * SECOND_MS;
    while (!isTold() && performance.now() < giveUpAt) {
      await tick(10 * MINUTE_MS);
      await sleep(250);
    }
    assert.ok(isTold(), "afterwards it is to be found where the gap is seen");
  });

  it("of a mailbox that lost its grant: the loss once, the state at each tick", async () => {
    simulator.entra.revoke(simulator.owner.oid);
    const lost = await during(() => tick(2 * HOUR_MS));
    const [refused, ...others] = rows(lost, "deskpost.grants.refused");
    assert.deepEqual(others, []);
    assert.deepEqual(refused, { value: 1, status: "needs-owner", mailboxId, code: "CONSENT_REQUIRED" });
    const after = await during(() => tick());
    assert.deepEqual(rows(after, "deskpost.mailbox.blocked"), [
      { value: 1, status: "needs-owner", mailboxId, desk: "uvdesk" },
    ]);
    assert.deepEqual(rows(after, "deskpost.grants.refused"), []);
  });

  it("holds no address and no word of a mail", () => {
    const all = simulator.insights.received.join("\n");
    for (const word of [simulator.mailbox.address, "example.org", "Private words"])
      assert.ok(!all.includes(word), word);
  });
});
