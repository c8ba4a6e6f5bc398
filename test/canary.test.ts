import assert from "node:assert/strict";
import { after, before, describe, it, mock } from "node:test";
import { TableClient, TableServiceClient } from "@azure/data-tables";
import { EntraError, entraErrorBody } from "./simulator/entra/entra-errors.ts";
import { createPerson } from "./simulator/person/person.ts";
import { type Deskpost, startDeskpost } from "./simulator/run/deskpost.ts";
import { connectMailbox } from "./simulator/run/once.ts";
import { type Simulator, startSimulator } from "./simulator/simulator.ts";
import { type Answer, json, type SeenRequest } from "./simulator/stand-in.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Where something stands that everybody may read who looks there. */
interface Place {
  readonly name: string;
  readonly text: string;
}

/**
 * Every secret that comes into being while the deployed bundle lives through good and bad days is remembered, and then
 * looked for wherever it must not be. What a place may hold by the protocol is named here, and nothing else is left out.
 */
describe("no secret gets out", () => {
  let simulator: Simulator;
  let deskpost: Deskpost;
  let mailboxId: string;
  /** By the value, what it is. */
  const secrets = new Map<string, string>();
  const places: Place[] = [];

  before(async () => {
    const startAt = new Date("2026-03-02T08:00:00Z");
    simulator = await startSimulator({ ports: "free", desk: "uvdesk", startAt, telemetry: true });
    watchFetch();
    deskpost = await startDeskpost(simulator, {
      runTimers: false,
      runQueues: false,
      log: (line) => places.push({ name: "the log", text: JSON.stringify(line) }),
    });
    mailboxId = await connectMailbox(simulator, deskpost);
  });

  after(async () => {
    mock.restoreAll();
    await deskpost.stop();
    await simulator.stop();
  });

  function remember(what: string, value: unknown): void {
    if (typeof value !== "string" || value === "") return;
    assert.ok(value.length > 12, `${what} is too short to be looked for`);
    if (!secrets.has(value)) secrets.set(value, what);
  }

  /** All that Deskpost answers to anybody is a place; all that Entra answers to Deskpost brings secrets. */
  function watchFetch(): void {
    const realFetch = globalThis.fetch;
    mock.method(globalThis, "fetch", async (...request: Parameters<typeof fetch>) => {
      const response = await realFetch(...request);
      const url = String(request[0] instanceof Request ? request[0].url : request[0]);
      const text = () => response.clone().text();
      if (url.startsWith(simulator.settings.PUBLIC_BASE_URL ?? "")) {
        places.push({ name: `an address, ${url}`, text: url });
        places.push({ name: `the headers of ${url}`, text: JSON.stringify([...response.headers]) });
        places.push({ name: `the answer of ${url}`, text: await text() });
      } else if (url.endsWith("/oauth2/v2.0/token") && response.ok) {
        const tokens = JSON.parse(await text()) as Record<string, unknown>;
        for (const name of ["access_token", "refresh_token", "id_token"]) remember(name, tokens[name]);
      }
      return response;
    });
  }

  function collectSecrets(): void {
    for (const { form } of simulator.entra.server.requests) {
      for (const name of ["code", "code_verifier", "client_secret", "refresh_token", "client_assertion"]) {
        remember(name, form.get(name));
      }
    }
    for (const server of [simulator.graph.server, simulator.keyVault.server]) {
      for (const { headers } of server.requests)
        remember("bearer token", headers.authorization?.replace("Bearer ", ""));
    }
    const names = new Set(simulator.keyVault.server.requests.map(({ path }) => path.split("/")[2] ?? ""));
    for (const name of names) {
      for (const { value } of simulator.keyVault.read(name)) remember(`the secret ${name}`, value);
    }
  }

  /** Every cell of every table, read as an administrator would. */
  async function tableCells(): Promise<Place[]> {
    const { connectionString } = simulator.azurite;
    const options = { allowInsecureConnection: true };
    const cells: Place[] = [];
    for await (const { name = "" } of TableServiceClient.fromConnectionString(connectionString, options).listTables()) {
      const client = TableClient.fromConnectionString(connectionString, name, options);
      for await (const row of client.listEntities()) {
        for (const [column, value] of Object.entries(row)) {
          cells.push({ name: `table ${name}, ${column} of ${row.rowKey}`, text: String(value) });
        }
      }
    }
    return cells;
  }

  const addressOf = (server: string, { path, query }: SeenRequest): Place => ({
    name: `an address at ${server}`,
    text: `${path}?${query}`,
  });

  /** What went to others: addresses, the headers but for the one that carries the token, and all that the desk got. */
  function sentToOthers(): Place[] {
    const { entra, keyVault, graph, managedIdentity, uvdesk } = simulator;
    const servers = { Entra: entra.server, "Key Vault": keyVault.server, Graph: graph.server };
    const asked = Object.entries({ ...servers, identity: managedIdentity.server }).flatMap(([name, server]) =>
      server.requests.flatMap((request) => {
        const { authorization: _, cookie: __, ...headers } = request.headers;
        return [addressOf(name, request), { name: `a header to ${name}`, text: JSON.stringify(headers) }];
      }),
    );
    const atDesk = uvdesk.standIn.requests.map((request) => ({
      name: "what the desk got",
      text: `${addressOf("", request).text} ${JSON.stringify(request.headers)} ${request.body}`,
    }));
    return [...asked, ...atDesk];
  }

  /** Spans, metrics and log records, as they were sent. */
  const telemetry = (): Place[] => simulator.insights.received.map((text) => ({ name: "telemetry", text }));

  /** Telemetry names mailboxes by their id: whoever may read it need not learn who writes to whom. */
  function assertNoAddresses(): void {
    assert.ok(simulator.insights.spans.length > 0 && simulator.insights.metrics.length > 0);
    for (const { text } of telemetry()) {
      for (const address of [simulator.mailbox.address, "example.org", simulator.stranger.userName]) {
        const at = text.toLowerCase().indexOf(address);
        assert.ok(at < 0, `${address} is in telemetry: ${text.slice(Math.max(0, at - 600), at + 200)}`);
      }
    }
  }

  function assertAbsent(from: readonly Place[], except: (place: Place, what: string) => boolean = () => false): void {
    for (const [secret, what] of secrets) {
      const forms = [secret, encodeURIComponent(secret), Buffer.from(secret).toString("base64").replace(/=+$/, "")];
      for (const place of from) {
        if (except(place, what)) continue;
        const found = forms.some((form) => place.text.includes(form));
        assert.ok(!found, `${what} (${secret.slice(0, 6)}…) is in ${place.name}: ${place.text.slice(0, 400)}`);
      }
    }
  }

  async function assertNothingGotOut(): Promise<void> {
    collectSecrets();
    const cells = await tableCells();
    assert.ok(
      cells.some(({ name }) => name.includes("Grants, accessToken")),
      "the sealed token was looked at too",
    );
    assertAbsent([...places, ...cells, ...sentToOthers(), ...telemetry()]);
    assertNoAddresses();
  }

  async function tick(afterMs = MINUTE_MS): Promise<void> {
    simulator.clock.advance(afterMs);
    await deskpost.fetchMail();
  }

  /** Opens all that Deskpost shows: to people, to programs, to a probe. */
  async function lookAtEverything(): Promise<void> {
    const base = `${simulator.settings.PUBLIC_BASE_URL}/api`;
    const person = createPerson(simulator.administrator);
    await person.signIn(`${base}/pages`);
    for (const page of [
      "pages",
      "pages/mailboxes/new",
      `pages/mailboxes/${mailboxId}/remove`,
      `pages/mailboxes/${mailboxId}/invite`,
      "pages/mailboxes/none/remove",
      "health",
    ]) {
      await person.open(`${base}/${page}`);
    }
    for (const answer of ["mailboxes", `mailboxes/${mailboxId}`, `mailboxes/${mailboxId}/messages`, "mailboxes/none"]) {
      await fetch(`${base}/${answer}`, { headers: { accept: "application/json" } });
    }
  }

  const connect = (oid = simulator.owner.oid) => createPerson({ oid }).connect(deskpost.api.startConsentUrl(mailboxId));
  const isRefresh = ({ form }: SeenRequest) => form.get("grant_type") === "refresh_token";
  const newestRefreshToken = () =>
    [...secrets].findLast(([, what]) => what === "refresh_token")?.[0] ?? assert.fail("no refresh token was seen");
  const newestAccessToken = () =>
    [...secrets].findLast(([, what]) => what === "access_token")?.[0] ?? assert.fail("no access token was seen");

  it("while mail is delivered and tokens are renewed, for weeks", async () => {
    for (let day = 0; day < 10; day += 1) {
      const mime = `From: Ann <ann@example.org>\r\nSubject: Day ${day}\r\nMessage-ID: <${day}@example.org>\r\n\r\nHello.\r\n`;
      simulator.mailbox.deliver(Buffer.from(mime));
      await tick(DAY_MS);
      await deskpost.host.runTimer("keep-tokens");
    }
    await lookAtEverything();
    await assertNothingGotOut();
    for (const what of ["access_token", "refresh_token", "id_token", "code", "code_verifier", "client_secret"]) {
      assert.ok([...secrets.values()].includes(what), `${what} was never seen, so nothing was proved`);
    }
    assert.ok([...secrets.values()].includes("the secret data-key"));
  });

  it("while a sign-in is under way, but for the verifier in its own row, which is emptied by the answer", async () => {
    const start = await fetch(deskpost.api.startConsentUrl(mailboxId), { redirect: "manual" });
    assert.equal(start.status, 303);
    const verifierCells = async () =>
      (await tableCells()).filter(({ name, text }) => name.startsWith("table Consents, codeVerifier") && text !== "");
    const [pending, ...others] = await verifierCells();
    assert.ok(pending !== undefined);
    assert.deepEqual(others, [], "the sign-in before left none");
    remember("the pending verifier", pending.text);
    collectSecrets();
    const cells = await tableCells();
    assertAbsent([...places, ...cells, ...sentToOthers()], ({ name }, what) => {
      return what === "the pending verifier" && name === pending.name;
    });

    assert.equal((await connect()).status, 200);
    assert.equal((await verifierCells()).length, 1, "only the abandoned one is left, until it is purged");
    simulator.clock.advance(25 * HOUR_MS);
    await deskpost.host.runTimer("keep-tokens");
    assert.deepEqual(await verifierCells(), []);
    await assertNothingGotOut();
  });

  it("while sign-ins fail: another account, a cancel, an answer sent twice, a forged one", async () => {
    const base = simulator.settings.PUBLIC_BASE_URL ?? "";
    assert.match((await connect(simulator.stranger.oid)).text, /account|mailbox/i);
    await createPerson({ oid: simulator.owner.oid, decision: "cancel" }).connect(
      deskpost.api.startConsentUrl(mailboxId),
    );
    collectSecrets();
    const code = [...secrets].findLast(([, what]) => what === "code")?.[0] ?? "";
    const forged = { code, state: "forged", error_description: `${newestRefreshToken()} ${newestAccessToken()}` };
    await createPerson({ oid: simulator.owner.oid }).post(`${base}/api/finish-consent`, forged);
    await lookAtEverything();
    await assertNothingGotOut();
  });

  /** Entra refuses and, what it may do at any time, quotes what it was sent. */
  function quoting(code: number, status?: number): Answer {
    const body = entraErrorBody(new EntraError(code));
    const sent = `refresh_token=${newestRefreshToken()}&assertion: ${newestAccessToken()} `;
    return json(status ?? 400, { ...body, error_description: `${sent}${body.error_description}` });
  }

  const failures: readonly (readonly [string, () => void | Promise<void>])[] = [
    ["Entra is down", () => simulator.entra.server.plan(isRefresh, { kind: "answer", answer: quoting(90033, 503) }, 2)],
    ["Entra asks to wait", () => simulator.entra.server.plan(isRefresh, { kind: "answer", answer: quoting(50196) })],
    ["the refresh token is called malformed", () => planRefusals(9_002_313)],
    ["conditional access blocks", () => planRefusals(53_003)],
    ["the grant is revoked", () => planRefusals(50_173)],
    ["the client secret has expired", () => simulator.entra.expireSecrets(simulator.clientId)],
    ["an answer is no JSON", () => planText(`<html>${newestRefreshToken()}</html>`)],
    ["an answer breaks off", () => simulator.entra.server.plan(isRefresh, { kind: "cut-body", afterBytes: 900 })],
    ["Key Vault refuses, and quotes the value", () => planVault()],
    ["Graph refuses, and quotes the token", () => planGraph(401)],
    ["Graph forbids, and quotes the token", () => planGraph(403)],
    ["the desk quotes a token", () => planDesk()],
  ];
  const planRefusals = (code: number) =>
    simulator.entra.server.plan(isRefresh, { kind: "answer", answer: quoting(code) }, 2);
  const planText = (body: string) =>
    simulator.entra.server.plan(isRefresh, { kind: "answer", answer: { status: 200, body } });
  const planVault = () =>
    simulator.keyVault.server.plan(
      ({ method }) => method === "PUT",
      {
        kind: "answer",
        answer: json(400, { error: { code: "BadParameter", message: `Bad: ${newestRefreshToken()}` } }),
      },
      4,
    );
  const planGraph = (status: number) =>
    simulator.graph.server.plan(
      () => true,
      {
        kind: "answer",
        answer: json(status, { error: { code: "Refused", message: `Bearer ${newestAccessToken()}` } }),
      },
      4,
    );
  const planDesk = () =>
    simulator.uvdesk.standIn.plan(
      () => true,
      { kind: "answer", answer: { status: 500, body: `Authorization: Bearer ${newestAccessToken()}` } },
      3,
    );

  for (const [name, fail] of failures) {
    it(`while ${name}`, async () => {
      await fail();
      const mime = `From: Ann <ann@example.org>\r\nSubject: ${name}\r\nMessage-ID: <${name.length}.${Date.now()}@example.org>\r\n\r\nHello.\r\n`;
      simulator.mailbox.deliver(Buffer.from(mime));
      await tick(8 * DAY_MS);
      await deskpost.host.runTimer("keep-tokens");
      await lookAtEverything();
      await assertNothingGotOut();

      for (const { server } of [simulator.entra, simulator.keyVault, simulator.graph]) server.clearFaults();
      simulator.uvdesk.standIn.clearFaults();
      await simulator.renewClientSecret();
      if ((await deskpost.api.mailboxes())[0]?.status !== "connected") await connect();
      for (let minutes = 0; minutes < 40; minutes += 10) await tick(10 * MINUTE_MS);
      const [mailbox] = await deskpost.api.mailboxes();
      assert.deepEqual([mailbox?.status, mailbox?.pending, mailbox?.lastError], ["connected", 0, undefined]);
      await assertNothingGotOut();
    });
  }

  it("and what others quoted did come this far, where it was masked", () => {
    assert.ok(places.some(({ name, text }) => name === "the log" && text.includes("[redacted]")));
  });
});
