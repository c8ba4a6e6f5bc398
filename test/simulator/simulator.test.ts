import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { readConfig } from "../../shared/platform/config.ts";
import { StoppedAtPageError } from "./entra/entra-person.ts";
import { createPerson } from "./person/person.ts";
import { type Deskpost, startDeskpost } from "./run/deskpost.ts";
import { type Simulator, startSimulator } from "./simulator.ts";
import { reservePort } from "./simulator-ports.ts";

const STARTS_AT = new Date("2026-03-02T08:00:00Z");

describe("the simulator with Deskpost on it", () => {
  let simulator: Simulator;
  let deskpost: Deskpost;
  let mailboxId: string;

  before(async () => {
    simulator = await startSimulator({ ports: "free", desk: "webhook", startAt: STARTS_AT });
    deskpost = await startDeskpost(simulator, { runTimers: false, runQueues: false, log: () => undefined });
    const since = new Date("2026-03-01T00:00:00Z").toISOString();
    mailboxId = await deskpost.api.addMailbox({ address: simulator.mailbox.address, desk: "webhook", since });
  });
  after(async () => {
    await deskpost.stop();
    await simulator.stop();
  });

  const statusOf = async () => (await deskpost.api.mailboxes()).find(({ id }) => id === mailboxId)?.status;
  const startUrl = () => deskpost.api.startConsentUrl(mailboxId);

  it("gives Deskpost every setting that it needs, and none that it refuses", () => {
    const config = readConfig(simulator.settings);
    assert.equal(config.graphUrl, simulator.graph.origin);
    assert.deepEqual(Object.keys(config.desks), ["uvdesk", "webhook"]);
  });

  it("begins at the moment that was asked for", () => {
    const since = simulator.clock.now() - STARTS_AT.getTime();
    assert.ok(since >= 0 && since < 60_000, String(since));
  });

  it("runs all of Deskpost's functions", () => {
    assert.deepEqual(deskpost.host.faults, []);
    for (const name of ["fetch-mail", "fetch-mailbox", "keep-tokens", "start-consent", "finish-consent", "api-read"]) {
      assert.ok(deskpost.host.functionNames.includes(name), name);
    }
  });

  it("lets nobody connect the mailbox who may not open it", async () => {
    await createPerson({ oid: simulator.stranger.oid }).connect(startUrl());
    assert.equal(await statusOf(), "new");
  });

  it("lets the owner say no", async () => {
    await createPerson({ oid: simulator.owner.oid, decision: "cancel" }).connect(startUrl());
    assert.equal(await statusOf(), "new");
  });

  it("stops a sign-in at Microsoft for an account that is disabled there", async () => {
    simulator.entra.disable(simulator.stranger.oid);
    await assert.rejects(createPerson({ oid: simulator.stranger.oid }).connect(startUrl()), StoppedAtPageError);
  });

  it("lets the owner connect it, and hands over mail that waits there", async () => {
    const mail = Buffer.from("From: anna@example.org\r\nSubject: Hello\r\n\r\nBody with \xfc\r\n", "latin1");
    simulator.mailbox.deliver(mail);
    await createPerson({ oid: simulator.owner.oid }).connect(startUrl());
    assert.equal(await statusOf(), "connected");
    await deskpost.fetchMail();
    assert.deepEqual(
      simulator.desk.mails.map(({ bytes, taken }) => [bytes.equals(mail), taken]),
      [[true, true]],
    );
  });

  it("takes a new client secret in place of one that expired", async () => {
    simulator.entra.expireSecrets(simulator.clientId);
    simulator.clock.advance(90 * 60_000);
    await deskpost.fetchMail();
    assert.equal((await deskpost.api.mailboxes())[0]?.lastError?.code, "APP_MISCONFIGURED");
    await simulator.renewClientSecret();
    simulator.clock.advance(60_000);
    await deskpost.fetchMail();
    assert.equal((await deskpost.api.mailboxes())[0]?.lastError, undefined);
  });

  it("can work without a client secret, by a federated credential", async () => {
    const { managedIdentity, settings, clientId, entra } = simulator;
    const tenant = simulator.owner.tenantId;
    const assertion = await fetch(
      `${settings.IDENTITY_ENDPOINT}?${new URLSearchParams({
        "api-version": "2019-08-01",
        resource: String(settings.ENTRA_FEDERATION_AUDIENCE),
        client_id: String(settings.MANAGED_IDENTITY_CLIENT_ID),
      })}`,
      { headers: { "x-identity-header": managedIdentity.settings.IDENTITY_HEADER } },
    );
    const { access_token: token } = (await assertion.json()) as { access_token: string };
    const answer = await fetch(`${entra.origin}/${tenant}/oauth2/v2.0/token`, {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "client_credentials",
        client_id: clientId,
        client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        client_assertion: token,
        scope: "https://graph.microsoft.com/.default",
      }),
    });
    assert.equal(answer.status, 200, await answer.text());
  });
});

describe("the simulator's ports", () => {
  it("are named when something has them already, and everything that started is stopped again", async () => {
    const RealDate = Date;
    const deskpost = await reservePort("another program", 0);
    const page = await reservePort("another program", 0);
    for (const [first, purpose] of [
      [deskpost.port, "Deskpost"],
      // The page comes second in the range.
      [page.port - 1, "the simulator's page"],
    ] as const) {
      await assert.rejects(startSimulator({ ports: { first }, desk: "uvdesk" }), ({ name, message }: Error) => {
        assert.equal(name, "PortInUseError");
        assert.match(message, new RegExp(`^Port \\d+, needed for ${purpose}, is in use\\..*--port\\.$`));
        return true;
      });
    }
    await deskpost.release();
    await page.release();
    assert.equal(Date, RealDate);
  });
});
