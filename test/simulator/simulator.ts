import { randomBytes } from "node:crypto";
import { type Azurite, startAzurite } from "./azurite.ts";
import { type Clock, installClock } from "./clock.ts";
import { type DeskName, type SimulatedDesk, uvdeskAsDesk, webhookAsDesk } from "./desks/simulated-desk.ts";
import { startUvdesk, type Uvdesk } from "./desks/uvdesk.ts";
import { startWebhookReceiver, type WebhookReceiver } from "./desks/webhook-receiver.ts";
import { type Entra, startEntra } from "./entra/entra.ts";
import type { Account, Tenant } from "./entra/entra-directory.ts";
import { type Graph, startGraph } from "./graph/graph.ts";
import type { Mailbox } from "./graph/graph-mailbox.ts";
import { type ApplicationInsights, startApplicationInsights } from "./insights/application-insights.ts";
import { KEY_VAULT_AUDIENCE, type KeyVault, startKeyVault } from "./key-vault/key-vault.ts";
import { type ManagedIdentity, startManagedIdentity } from "./key-vault/managed-identity.ts";
import { type Ports, portFor, type ReservedPort, reservePort } from "./simulator-ports.ts";
import { startThreadedAzurite } from "./threaded-azurite.ts";
import { trustedCertificate } from "./tls.ts";

// The ids are made up; the names are of the kind that nobody can own: https://www.rfc-editor.org/rfc/rfc2606
const TENANT: Tenant = { id: "6d6f2c6a-0f5b-4f0c-8a57-3f1f6f0a7c11", domain: "contoso.example" };
const OWNER: Account = {
  oid: "a3f1c9de-52b8-4a06-9b7e-1d2c3b4a5f60",
  tenantId: TENANT.id,
  userName: "help@contoso.example",
  name: "Contoso Help Desk",
};
/** The owners of further mailboxes, in their order; whoever comes after these has a number. */
const FURTHER_OWNERS = ["sales", "billing", "orders", "returns", "press", "jobs"];
const ADMINISTRATOR: Account = {
  oid: "f1a2b3c4-d5e6-4f70-8a9b-0c1d2e3f4a5b",
  tenantId: TENANT.id,
  userName: "ada@contoso.example",
  name: "Ada, who runs Deskpost",
};
const STRANGER: Account = {
  oid: "b7e2d8cf-63c9-4b17-8c8f-2e3d4c5b6a71",
  tenantId: TENANT.id,
  userName: "sam@contoso.example",
  name: "Sam, who may not open the mailbox",
};
const CLIENT_ID = "4f9d2b1c-7e30-4c58-a1d6-90b8e7f6c5d4";
const IDENTITY = {
  clientId: "c0ffee00-1234-4a5b-8c6d-7e8f90a1b2c3",
  principalId: "d1e2f3a4-5b6c-4d7e-8f90-a1b2c3d4e5f6",
  tenantId: TENANT.id,
};
const CLIENT_SECRET_NAME = "entra-client-secret";
const WEBHOOK_SECRET_NAME = "webhook-signing-secret";
const FEDERATION_AUDIENCE = "api://AzureADTokenExchange";
/** The longest life that Entra gives to a client secret. */
const CLIENT_SECRET_LIFE_MS = 2 * 365 * 24 * 3_600_000;

interface SimulatorOptions {
  readonly ports: Ports;
  /** The desk that `desk` stands for; both run in any case. */
  readonly desk: DeskName;
  /** 0 to 1: the moods of Graph and the life of access tokens. Without it Graph has no moods of its own. */
  readonly random?: () => number;
  /** When the simulated time begins; default now. */
  readonly startAt?: Date;
  /** NCRONTAB; default Deskpost's own, each minute. */
  readonly fetchSchedule?: string;
  /** How many pretend mailboxes there are, each with an owner of its own; default 1. */
  readonly mailboxes?: number;
  /** Storage gets a thread of its own: worth it for a long run. */
  readonly storageThread?: boolean;
  /** Deskpost sends spans, metrics and logs to the stand-in for Application Insights; default false. */
  readonly telemetry?: boolean;
}

/** A pretend mailbox, and the account that may open it. */
export interface OwnedMailbox {
  readonly mailbox: Mailbox;
  readonly owner: Account;
}

/** Everything that Deskpost meets, in this process, under one clock. */
export interface Simulator {
  readonly clock: Clock;
  readonly azurite: Azurite;
  readonly entra: Entra;
  readonly managedIdentity: ManagedIdentity;
  readonly keyVault: KeyVault;
  readonly graph: Graph;
  readonly uvdesk: Uvdesk;
  readonly webhook: WebhookReceiver;
  readonly insights: ApplicationInsights;
  readonly desk: SimulatedDesk;
  /** The pretend mailbox, and the account that may open it: the first one, where there are several. */
  readonly mailbox: Mailbox;
  readonly owner: Account;
  readonly ownedMailboxes: readonly OwnedMailbox[];
  /** An account without any right to the mailbox. */
  readonly stranger: Account;
  /** An account with the app role that Deskpost's pages ask for, and without any right to the mailbox. */
  readonly administrator: Account;
  readonly clientId: string;
  /** The app settings of Deskpost. */
  readonly settings: Readonly<Record<string, string>>;
  readonly deskpostPort: ReservedPort;
  /** Where the page with the controls belongs. */
  readonly pagePort: ReservedPort;
  /** Gives the application a client secret that is valid, in Entra and in Key Vault. */
  renewClientSecret(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the stand-ins for Microsoft and for the desks; one simulator in a process, because of the clock. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { ports, random, startAt, fetchSchedule = "0 * * * * *" } = options;
  const owners = ownersOf(options.mailboxes ?? 1);
  const stops: (() => unknown)[] = [];

  async function stop(): Promise<void> {
    for (const stopOne of stops.splice(0).reverse()) await stopOne();
  }

  /** Remembers how to stop what has started. */
  async function started<Part>(starting: Promise<Part>, stopOf: (part: Part) => unknown): Promise<Part> {
    const part = await starting;
    stops.push(() => stopOf(part));
    return part;
  }

  try {
    // Before the clock: TLS compares the certificate with the real time.
    const certificate = await trustedCertificate();
    const clock = installClock(startAt);
    stops.push(clock.uninstall);
    const release = (port: ReservedPort) => port.release();
    const deskpostPort = await started(reservePort("Deskpost", portFor("deskpost", ports)), release);
    const pagePort = await started(reservePort("the simulator's page", portFor("page", ports)), release);
    const publicBaseUrl = `http://localhost:${deskpostPort.port}`;

    const managedIdentity = await started(
      startManagedIdentity({ ...IDENTITY, port: portFor("managedIdentity", ports) }),
      ({ server }) => server.stop(),
    );
    const entra = await started(
      startEntra({
        port: portFor("entra", ports),
        ...(random && { random }),
        tenants: [TENANT],
        accounts: [...owners, ADMINISTRATOR, STRANGER],
        applications: [
          {
            clientId: CLIENT_ID,
            name: "Deskpost",
            homeTenantId: TENANT.id,
            issuesIdTokens: true,
            redirectUris: [`${publicBaseUrl}/api/finish-consent`, `${publicBaseUrl}/api/finish-sign-in`],
            roleAssignments: { [ADMINISTRATOR.oid]: ["Deskpost.Admin"] },
            // An administrator agreed for everybody to what a sign-in alone needs.
            grantedScopes: ["openid", "profile"],
            secrets: [],
            requiredRoles: ["Mail.ReadWrite"],
            federatedCredentials: [
              { issuer: managedIdentity.issuer, subject: IDENTITY.principalId, audience: FEDERATION_AUDIENCE },
            ],
          },
        ],
      }),
      ({ server }) => server.stop(),
    );
    entra.trustIssuer(managedIdentity);

    const keyVault = await started(
      startKeyVault({
        port: portFor("keyVault", ports),
        certificate,
        tenantId: TENANT.id,
        acceptsToken: (token) => managedIdentity.verify(token, KEY_VAULT_AUDIENCE),
      }),
      ({ server }) => server.stop(),
    );
    const storeSecret = (name: string, value: string) => putSecret({ keyVault, managedIdentity, name, value });

    async function renewClientSecret(): Promise<void> {
      const value = `simulated~${randomBytes(24).toString("base64url")}`;
      await storeSecret(CLIENT_SECRET_NAME, value);
      entra.addSecret(CLIENT_ID, { value, expiresAt: new Date(Date.now() + CLIENT_SECRET_LIFE_MS) });
    }

    const graph = await started(
      startGraph({
        port: portFor("graph", ports),
        certificate,
        describeAccessToken: entra.describeAccessToken,
        ...(random && { random }),
      }),
      (part) => part.stop(),
    );
    const ownedMailboxes = owners.map((owner): OwnedMailbox => {
      const folders = [{ displayName: "Handed over" }];
      return { owner, mailbox: graph.addMailbox({ address: owner.userName, ownerOid: owner.oid, folders }) };
    });
    const [first] = ownedMailboxes;
    if (first === undefined) throw new RangeError("A simulator has one mailbox at least");

    const webhookSecret = `whsec_${randomBytes(32).toString("base64")}`;
    const addresses = owners.map(({ userName }) => userName);
    const uvdesk = await started(startUvdesk({ port: portFor("uvdesk", ports), mailboxes: addresses }), (part) =>
      part.stop(),
    );
    const webhook = await started(
      startWebhookReceiver({ port: portFor("webhook", ports), secret: webhookSecret }),
      (part) => part.stop(),
    );
    await storeSecret(WEBHOOK_SECRET_NAME, webhookSecret);
    await renewClientSecret();

    const insights = await started(
      startApplicationInsights({ port: portFor("insights", ports), certificate }),
      ({ server }) => server.stop(),
    );

    const storagePorts = { tablePort: portFor("tables", ports), queuePort: portFor("queues", ports) };
    const azurite = await started(
      options.storageThread ? startThreadedAzurite(storagePorts, clock.lead) : startAzurite(storagePorts),
      (part) => part.stop(),
    );

    const settings = {
      AzureWebJobsStorage: azurite.connectionString,
      PUBLIC_BASE_URL: publicBaseUrl,
      KEY_VAULT_URL: keyVault.origin,
      MANAGED_IDENTITY_CLIENT_ID: IDENTITY.clientId,
      ...managedIdentity.settings,
      ENTRA_CLIENT_ID: CLIENT_ID,
      ENTRA_LOGIN_URL: entra.origin,
      ADMIN_TENANT: TENANT.id,
      ENTRA_CLIENT_AUTHENTICATION: "client-secret",
      ENTRA_CLIENT_SECRET_NAME: CLIENT_SECRET_NAME,
      ENTRA_FEDERATION_AUDIENCE: FEDERATION_AUDIENCE,
      GRAPH_URL: graph.origin,
      DESKS: JSON.stringify({
        uvdesk: { kind: "uvdesk", url: uvdesk.origin },
        webhook: { kind: "webhook", url: webhook.url, secretName: WEBHOOK_SECRET_NAME },
      }),
      FETCH_SCHEDULE: fetchSchedule,
      ...(options.telemetry && { APPLICATIONINSIGHTS_CONNECTION_STRING: insights.connectionString }),
      PAGE_LINKS: JSON.stringify({ Simulator: `http://127.0.0.1:${pagePort.port}/` }),
    };

    return {
      clock,
      azurite,
      entra,
      managedIdentity,
      keyVault,
      graph,
      uvdesk,
      webhook,
      insights,
      desk: options.desk === "uvdesk" ? uvdeskAsDesk(uvdesk) : webhookAsDesk(webhook),
      ...first,
      ownedMailboxes,
      stranger: STRANGER,
      administrator: ADMINISTRATOR,
      clientId: CLIENT_ID,
      settings,
      deskpostPort,
      pagePort,
      renewClientSecret,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The usual owner first, so that one mailbox looks the same alone and among others. */
function ownersOf(count: number): readonly Account[] {
  const further = Array.from({ length: Math.max(0, count - 1) }, (_, index): Account => {
    const name = FURTHER_OWNERS[index] ?? `team-${index + 2}`;
    const oid = `${OWNER.oid.slice(0, -4)}${(index + 2).toString(16).padStart(4, "0")}`;
    return { oid, tenantId: TENANT.id, userName: `${name}@${TENANT.domain}`, name: `Contoso ${name}` };
  });
  return count === 0 ? [] : [OWNER, ...further];
}

interface SecretToPut {
  readonly keyVault: KeyVault;
  readonly managedIdentity: ManagedIdentity;
  readonly name: string;
  readonly value: string;
}

/** Stores a secret as an administrator would: over Key Vault's own interface, with a token. */
async function putSecret({ keyVault, managedIdentity, name, value }: SecretToPut): Promise<void> {
  const { IDENTITY_ENDPOINT, IDENTITY_HEADER } = managedIdentity.settings;
  const query = new URLSearchParams({
    "api-version": "2019-08-01",
    resource: KEY_VAULT_AUDIENCE,
    client_id: IDENTITY.clientId,
  });
  const token = await fetch(`${IDENTITY_ENDPOINT}?${query}`, { headers: { "x-identity-header": IDENTITY_HEADER } });
  const { access_token: accessToken } = (await token.json()) as { access_token: string };
  const answer = await fetch(`${keyVault.origin}/secrets/${name}?api-version=7.6`, {
    method: "PUT",
    headers: { authorization: `Bearer ${accessToken}`, "content-type": "application/json" },
    body: JSON.stringify({ value }),
  });
  if (!answer.ok) throw new Error(`Key Vault did not take the secret ${name}: HTTP ${answer.status}`);
}
