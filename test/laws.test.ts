import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it, mock } from "node:test";
import { createApp } from "../shared/app.ts";
import { messageKey } from "../shared/mail/message.ts";
import { readConfig } from "../shared/platform/config.ts";
import { createPerson } from "./simulator/person/person.ts";
import { type Deskpost, startDeskpost } from "./simulator/run/deskpost.ts";
import { connectMailbox } from "./simulator/run/once.ts";
import { type Simulator, startSimulator } from "./simulator/simulator.ts";
import type { SeenRequest } from "./simulator/stand-in.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/**
 * The ten laws of shared/README.md against the very bundle that is deployed: each one is attacked by a fault planted in
 * what Deskpost talks to, over HTTP. Single guards have tests of their own beside the files that hold them.
 */
describe("the laws", () => {
  let simulator: Simulator;
  let deskpost: Deskpost;
  let mailboxId: string;
  let mails = 0;
  const logLines: string[] = [];

  before(async () => {
    simulator = await startSimulator({ ports: "free", desk: "uvdesk", startAt: new Date("2026-03-02T08:00:00Z") });
    deskpost = await startDeskpost(simulator, {
      runTimers: false,
      runQueues: false,
      log: ({ message }) => logLines.push(message),
    });
    mailboxId = await connectMailbox(simulator, deskpost);
  });

  after(async () => {
    await deskpost.stop();
    await simulator.stop();
  });

  beforeEach(async () => {
    await settle();
  });

  afterEach(() => {
    mock.restoreAll();
    simulator.uvdesk.mode = "ok";
    for (const standIn of [simulator.graph.server, simulator.entra.server, simulator.keyVault.server])
      standIn.clearFaults();
    simulator.uvdesk.standIn.clearFaults();
  });

  /** Somebody writes to the mailbox. Gives the message's id and its subject, which no other mail has. */
  function write(subject = `Mail number ${++mails}`): { id: string; subject: string } {
    const mime = `From: Ann <ann@example.org>\r\nTo: help@contoso.example\r\nSubject: ${subject}\r\nMessage-ID: <${mails}.${Date.now()}@example.org>\r\n\r\nHello.\r\n`;
    return { id: simulator.mailbox.deliver(Buffer.from(mime)).immutableId, subject };
  }

  async function tick(afterMs = MINUTE_MS): Promise<void> {
    simulator.clock.advance(afterMs);
    await deskpost.fetchMail();
  }

  /** Ticks until nothing is pending; claims that a crash left behind run out on the way. */
  async function settle(): Promise<void> {
    for (let round = 0; round < 30; round += 1) {
      await tick();
      const report = await theMailbox();
      if (report.pending === 0 && report.lastError === undefined) return;
    }
  }

  async function theMailbox() {
    const found = (await deskpost.api.mailboxes()).find(({ id }) => id === mailboxId);
    assert(found);
    return found;
  }

  const ticketsOf = (subject: string) => simulator.uvdesk.tickets.filter((ticket) => ticket.subject === subject).length;
  const stateOf = async (id: string) =>
    (await deskpost.api.messages(mailboxId)).find(({ key }) => key === messageKey(id))?.state;
  const isDelta = (request: SeenRequest) => request.path.includes("delta");
  const isValue = (request: SeenRequest) => request.path.endsWith("$value");
  const eventsOf = (event: string) => logLines.filter((line) => line.includes(`"event":"${event}"`)).length;

  it("1: loses no mail that was read by somebody, cut off on its way, or met a desk or a Graph that was down", async () => {
    const read = write();
    simulator.mailbox.setRead(read.id, true);
    const cut = write();
    simulator.graph.server.plan(isValue, { kind: "cut-body", afterBytes: 20 });
    simulator.uvdesk.mode = "unreachable";
    await tick();
    const late = write();
    simulator.graph.server.setDown(true);
    await tick(6 * HOUR_MS);
    simulator.graph.server.setDown(false);
    await tick();
    assert.equal(
      simulator.uvdesk.tickets.filter(({ subject }) => [read, cut, late].some((m) => m.subject === subject)).length,
      0,
    );
    assert.equal((await theMailbox()).pending, 3);

    simulator.uvdesk.mode = "ok";
    await settle();
    assert.deepEqual(
      [read, cut, late].map(({ subject }) => ticketsOf(subject)),
      [1, 1, 1],
    );
  });

  it("2: doubles no mail whose answer was lost, that Graph shows again, or that a walk from the start meets again", async () => {
    const mail = write();
    simulator.uvdesk.standIn.plan(() => true, { kind: "cut-after" });
    await tick();
    assert.equal(ticketsOf(mail.subject), 1);
    assert.equal(await stateOf(mail.id), "pending");
    await settle();
    simulator.mailbox.replay(mail.id);
    await tick();
    simulator.mailbox.expireSyncState();
    await tick();
    await settle();

    assert.equal(ticketsOf(mail.subject), 1);
    const keys = simulator.desk.mails
      .filter(({ bytes }) => bytes.includes(mail.subject))
      .map((seen) => seen.idempotencyKey);
    assert.equal(new Set(keys).size, 1, "every attempt carries one and the same key");
    assert.equal(keys.length, 2, "the attempt whose answer was lost, and one more");
  });

  it("3: takes no 200 for proof", async () => {
    simulator.uvdesk.mode = "maintenance-html";
    const mail = write();
    await tick();
    assert.equal(await stateOf(mail.id), "pending");
    simulator.uvdesk.mode = "ok";
    simulator.uvdesk.blockedSenders.add("ann@example.org");
    await settle();
    assert.equal(await stateOf(mail.id), "refused");
    simulator.uvdesk.blockedSenders.clear();
  });

  it("4: keeps the newest refresh token through a Key Vault that fails and answers that carry none, for months", async () => {
    const savedBefore = simulator.keyVault.read(await secretName()).length;
    simulator.keyVault.server.plan(({ method }) => method === "PUT", { kind: "cut-after" }, 2);
    simulator.entra.setRotation("returns-none");
    await daysPass(30);
    simulator.entra.setRotation("returns-new");
    await daysPass(95);

    const mail = write();
    await settle();
    assert.equal(ticketsOf(mail.subject), 1);
    assert.equal((await theMailbox()).status, "connected");
    const values = simulator.keyVault.read(await secretName()).map(({ value }) => value);
    assert(values.length > savedBefore);
    assert(values.every((value) => value !== ""));
  });

  it("5: asks for the owner only on Entra's clear and repeated word, and never for a fault of our own", async () => {
    simulator.entra.refuseRefresh(70000);
    const refreshesBefore = simulator.entra.tokenRequests.refresh_token;
    let asked = 0;
    simulator.entra.server.plan(
      ({ path, form }) => path.endsWith("/token") && form.get("grant_type") === "refresh_token",
      {
        kind: "before",
        run: () => {
          asked += 1;
          if (asked === 2) simulator.entra.refuseRefresh(undefined);
        },
      },
      2,
    );
    await tick(2 * HOUR_MS);
    assert.equal((await theMailbox()).status, "connected", "one refusal alone does not count");
    assert.equal(simulator.entra.tokenRequests.refresh_token - refreshesBefore, 2);

    simulator.entra.expireSecrets(simulator.clientId);
    await tick(2 * HOUR_MS);
    await tick();
    assert.equal((await theMailbox()).status, "connected");
    assert.equal((await theMailbox()).lastError?.code, "APP_MISCONFIGURED");
    assert.equal(eventsOf("app misconfigured"), 1, "one alarm, however often it fails");
    const mail = write();
    await simulator.renewClientSecret();
    await settle();
    assert.equal(ticketsOf(mail.subject), 1);
    assert.equal(eventsOf("app configured again"), 1);

    simulator.entra.revoke(simulator.owner.oid);
    await tick(2 * HOUR_MS);
    assert.equal((await theMailbox()).status, "needs-owner");
    const between = write();
    await tick();
    await reconnect();
    await settle();
    assert.equal(ticketsOf(between.subject), 1, "mail that came in between is delivered");
  });

  it("6: lets no broken mailbox and no broken message stop another", async () => {
    const gone = await deskpost.api.addMailbox({ address: "gone@contoso.example", desk: "uvdesk" });
    const other = createApp({ config: readConfig(simulator.settings), log: silent });
    await other.changeMailbox.connected(gone);
    const corrupt = write();
    simulator.mailbox.corrupt(corrupt.id);
    const mail = write();
    await tick();

    assert.equal(ticketsOf(mail.subject), 1);
    assert.equal(await stateOf(corrupt.id), "pending");
    assert.equal((await deskpost.api.mailboxes()).find(({ id }) => id === gone)?.status, "needs-owner");
    await other.changeMailbox.remove(gone);
    for (let hour = 0; hour < 8; hour += 1) {
      write();
      await tick(HOUR_MS);
    }
    assert.equal(await stateOf(corrupt.id), "quarantined", "with proof that the desk takes others");
  });

  it("7: starts every run from stored state alone: an instance that has just been born goes on where another left", async () => {
    // The token has ended and is renewed here, so that its time does not come in the next minute by chance.
    await tick(2 * HOUR_MS);
    const mail = write();
    const tokenRequests = simulator.entra.tokenRequests.refresh_token;
    const born = createApp({ config: readConfig(simulator.settings), log: silent });
    simulator.clock.advance(MINUTE_MS);
    await born.fetchDueMailboxes();
    assert.equal(ticketsOf(mail.subject), 1);
    assert.equal(
      simulator.entra.tokenRequests.refresh_token,
      tokenRequests,
      "with the token that the other one sealed",
    );
  });

  it("8: builds redirect URLs from configuration, whatever a request claims", async () => {
    const response = await fetch(deskpost.api.startConsentUrl(mailboxId), {
      redirect: "manual",
      headers: { "x-forwarded-host": "evil.example", "x-forwarded-proto": "http", "disguised-host": "evil.example" },
    });
    const location = new URL(response.headers.get("location") ?? "");
    assert.equal(location.searchParams.get("redirect_uri"), `${simulator.settings.PUBLIC_BASE_URL}/api/finish-consent`);
    assert.doesNotMatch(await response.text(), /evil/);
  });

  it("9: writes no token, code, secret or mail content into a log, and sends its token nowhere but to Graph", async () => {
    const mail = write("A secret subject");
    await settle();
    assert.equal(ticketsOf(mail.subject), 1);
    const secrets = new Set<string>(["A secret subject", "ann@example.org"]);
    for (const { headers } of simulator.graph.server.requests)
      secrets.add((headers.authorization ?? "").slice("Bearer ".length));
    for (const { form } of simulator.entra.server.requests) {
      for (const name of ["code", "code_verifier", "client_secret", "refresh_token"]) secrets.add(form.get(name) ?? "");
    }
    secrets.delete("");
    assert(secrets.size > 10);
    const everything = logLines.join("\n");
    for (const secret of secrets) assert(!everything.includes(secret), `the log holds ${secret.slice(0, 8)}…`);
    for (const { headers } of simulator.uvdesk.standIn.requests) assert.equal(headers.authorization, undefined);
    for (const { query } of [...simulator.graph.server.requests, ...simulator.uvdesk.standIn.requests]) {
      for (const secret of secrets) assert(!query.toString().includes(secret));
    }
  });

  it("10: waits for nobody without a limit", async () => {
    /** What ends each wait of two minutes, as a timer of ours would. */
    const limits: (() => void)[] = [];
    const { setTimeout: start } = globalThis;
    mock.method(globalThis, "setTimeout", (end: () => void, ms: number) => {
      if (ms === 120_000) limits.push(end);
      return start(end, ms);
    });
    const mail = write();
    let released = () => {};
    simulator.uvdesk.standIn.plan(() => true, {
      kind: "before",
      // A desk that never answers: Deskpost's own limit ends the wait.
      run: () => {
        setImmediate(() => limits.at(-1)?.());
        return new Promise<void>((resolve) => {
          released = resolve;
        });
      },
    });
    await tick();
    assert.notEqual(limits.length, 0);
    assert.equal(await stateOf(mail.id), "pending");
    mock.restoreAll();
    released();
    await settle();
    assert.equal(ticketsOf(mail.subject), 1);

    simulator.graph.server.plan(isDelta, { kind: "before", run: () => simulator.clock.advance(5 * MINUTE_MS) });
    await tick();
    assert.equal((await theMailbox()).lastError, undefined, "a run that is overtaken by its deadline ends well");
  });

  const silent = { info: () => {}, warn: () => {}, error: () => {} };

  async function secretName(): Promise<string> {
    const names = simulator.keyVault.server.requests.map(({ path }) => /refresh-token-[\w-]+/.exec(path)?.[0]);
    return names.findLast((name) => name?.includes(mailboxId)) ?? assert.fail("no refresh token was ever stored");
  }

  /** Deskpost runs on: the daily timer, and a few ticks a day. */
  async function daysPass(days: number): Promise<void> {
    for (let day = 0; day < days; day += 1) {
      await tick(12 * HOUR_MS);
      simulator.clock.advance(DAY_MS - 12 * HOUR_MS - MINUTE_MS);
      await deskpost.host.runTimer("keep-tokens");
      await tick();
    }
  }

  async function reconnect(): Promise<void> {
    const page = await createPerson({ oid: simulator.owner.oid }).connect(deskpost.api.startConsentUrl(mailboxId));
    assert.equal(page.status, 200, page.text);
  }
});
