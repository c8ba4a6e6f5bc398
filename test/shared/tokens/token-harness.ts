import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { env } from "node:process";
import { after, afterEach, before } from "node:test";
import { ManagedIdentityCredential } from "@azure/identity";
import type { StoredMailbox } from "../../../shared/mailboxes/mailbox.ts";
import { createSecrets, type Secrets } from "../../../shared/platform/key-vault-azure.ts";
import type { Tables } from "../../../shared/platform/tables-azure.ts";
import { createLog, type LogEvent } from "../../../shared/telemetry/log.ts";
import type { StoredGrant } from "../../../shared/tokens/grant.ts";
import { type Clock, installClock } from "../../simulator/clock.ts";
import { type Entra, startEntra } from "../../simulator/entra/entra.ts";
import type { Account } from "../../simulator/entra/entra-directory.ts";
import { type Callback, signIn } from "../../simulator/entra/entra-person.ts";
import { KEY_VAULT_AUDIENCE, type KeyVault, startKeyVault } from "../../simulator/key-vault/key-vault.ts";
import { startManagedIdentity } from "../../simulator/key-vault/managed-identity.ts";
import type { SeenRequest } from "../../simulator/stand-in.ts";
import { trustedCertificate } from "../../simulator/tls.ts";
import { startTestStorage } from "../test-storage.ts";
import { createLeakWatch } from "./leak-watch.ts";
import {
  CLIENT_ID,
  CLIENT_SECRET_NAME,
  createInstance,
  type Instance,
  type InstanceOptions,
  REDIRECT_URL,
  sleepShortly,
} from "./token-instance.ts";

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

export const CONTOSO = { id: "0f8a1f6e-6b5c-4f0e-9a53-2d9b7c1e4a10", domain: "contoso.test" };
export const FABRIKAM = { id: "7c2d9e44-1a3b-4c5d-8e6f-90a1b2c3d4e5", domain: "fabrikam.test" };
const FEDERATION_AUDIENCE = "api://AzureADTokenExchange";
const IDENTITY = {
  principalId: "e2f3a4b5-c6d7-4e8f-9a0b-1c2d3e4f5061",
  clientId: "f0e1d2c3-b4a5-4968-8776-655443322110",
  tenantId: CONTOSO.id,
};

/** A mailbox of a test of its own, and the account that may connect it. */
export interface ExampleMailbox {
  readonly id: string;
  readonly address: string;
  readonly account: Account;
}

/** Deskpost's own adapters on the stand-ins for Entra, Key Vault, the managed identity and Table Storage. */
export interface TokenHarness {
  readonly clock: Clock;
  readonly entra: Entra;
  readonly keyVault: KeyVault;
  readonly secrets: Secrets;
  readonly tables: Tables;
  /** Every line that was logged. */
  readonly logLines: readonly string[];
  /** How often an event was logged. */
  logged(event: LogEvent): number;
  instance(options?: InstanceOptions): Instance;
  /** Adds a mailbox to the list, and its account to Entra. */
  addMailbox(account?: Partial<Account>): Promise<ExampleMailbox>;
  /** Adds a mailbox and goes through its consent. */
  connectedMailbox(): Promise<ExampleMailbox>;
  connect(mailbox: ExampleMailbox, instance?: Instance): Promise<void>;
  grantOf(mailbox: ExampleMailbox): Promise<StoredGrant>;
  /** Gives the application a new client secret, in Entra and in Key Vault. */
  renewClientSecret(): Promise<void>;
  /** Moves the clock to the moment from which the mailbox's access token is renewed, minutes before its end. */
  passRefreshTime(mailbox: ExampleMailbox): Promise<void>;
  /** Moves the clock to the end of the mailbox's access token. */
  passEnd(mailbox: ExampleMailbox): Promise<void>;
  /** Fails unless Entra knows the token as the mailbox's own, and it lives for some minutes more. */
  assertServes(mailbox: ExampleMailbox, token: string): void;
}

interface StartedTokenHarness extends TokenHarness {
  /** Fails where a secret that was ever issued is in a log line, in the message of an error, or in a URL. */
  assertNothingLeaked(): void;
  stop(): Promise<void>;
}

/** True for a request to the token endpoint. */
export function isTokenRequest({ path }: SeenRequest): boolean {
  return path.endsWith("/oauth2/v2.0/token");
}

/** One harness for the file; each test leaves Entra as it was. In the end, no secret may have leaked. */
export function useTokenHarness(): TokenHarness {
  let harness: StartedTokenHarness;

  before(async () => {
    harness = await startTokenHarness();
  });
  afterEach(() => {
    harness.entra.setRotation("returns-new");
    harness.entra.setRefreshIn(undefined);
    harness.entra.refuseRefresh(undefined);
    harness.entra.requireAdminApproval(false);
    harness.entra.server.clearFaults();
  });
  after(async () => {
    try {
      harness.assertNothingLeaked();
    } finally {
      await harness.stop();
    }
  });

  return {
    get clock() {
      return harness.clock;
    },
    get entra() {
      return harness.entra;
    },
    get keyVault() {
      return harness.keyVault;
    },
    get secrets() {
      return harness.secrets;
    },
    get tables() {
      return harness.tables;
    },
    get logLines() {
      return harness.logLines;
    },
    logged: (event) => harness.logged(event),
    instance: (options) => harness.instance(options),
    addMailbox: (account) => harness.addMailbox(account),
    connectedMailbox: () => harness.connectedMailbox(),
    connect: (mailbox, instance) => harness.connect(mailbox, instance),
    grantOf: (mailbox) => harness.grantOf(mailbox),
    renewClientSecret: () => harness.renewClientSecret(),
    passRefreshTime: (mailbox) => harness.passRefreshTime(mailbox),
    passEnd: (mailbox) => harness.passEnd(mailbox),
    assertServes: (mailbox, token) => harness.assertServes(mailbox, token),
  };
}

async function startTokenHarness(): Promise<StartedTokenHarness> {
  // Before the clock: TLS compares the certificate with the real time.
  const certificate = await trustedCertificate();
  const clock = installClock();
  const storage = await startTestStorage("memory");
  const managedIdentity = await startManagedIdentity({ ...IDENTITY, port: 0 });
  Object.assign(env, managedIdentity.settings);
  const entra = await startEntra({
    port: 0,
    tenants: [CONTOSO, FABRIKAM],
    accounts: [],
    applications: [
      {
        clientId: CLIENT_ID,
        homeTenantId: CONTOSO.id,
        multitenant: true,
        redirectUris: [REDIRECT_URL],
        secrets: [],
        federatedCredentials: [
          { issuer: managedIdentity.issuer, subject: IDENTITY.principalId, audience: FEDERATION_AUDIENCE },
        ],
      },
    ],
  });
  entra.trustIssuer(managedIdentity);
  const keyVault = await startKeyVault({
    port: 0,
    certificate,
    tenantId: CONTOSO.id,
    acceptsToken: (token) => managedIdentity.verify(token, KEY_VAULT_AUDIENCE),
  });

  const logLines: string[] = [];
  const log = createLog((_, line) => void logLines.push(line));
  const watch = createLeakWatch();

  /** The managed identity as the real credential reaches it. */
  const createIdentity = () => watch.credential(new ManagedIdentityCredential({ clientId: IDENTITY.clientId }));

  const ownSecrets = createSecrets({ vaultUrl: keyVault.origin, credential: createIdentity(), sleep: sleepShortly });
  const ownTables = storage.openTables();

  function instance(options?: InstanceOptions): Instance {
    const places = {
      openTables: storage.openTables,
      vaultUrl: keyVault.origin,
      loginUrl: entra.origin,
      identity: createIdentity(),
    };
    return createInstance({ ...places, watch, log }, options);
  }

  const administrator = instance();
  let mailboxes = 0;

  async function addMailbox(details: Partial<Account> = {}): Promise<ExampleMailbox> {
    mailboxes += 1;
    const userName = `help${mailboxes}@${CONTOSO.domain}`;
    const account: Account = { oid: randomUUID(), tenantId: CONTOSO.id, userName, name: "Help", ...details };
    entra.addAccount(account);
    const stored: StoredMailbox = await administrator.changeMailbox.add({
      address: userName,
      folder: "inbox",
      desk: "support",
      deliverFrom: undefined,
      acknowledge: { kind: "nothing" },
      access: "owner",
    });
    return { id: stored.id, address: userName, account };
  }

  async function connect(mailbox: ExampleMailbox, process: Instance = administrator): Promise<void> {
    const { cookie, callback } = await goThroughMicrosoft(process, mailbox);
    const result = await process.consents.finish({
      parameters: callback.fields,
      cookie: (name) => (name === cookie.name ? cookie.value : undefined),
    });
    assert.equal(result.kind, "connected", JSON.stringify(result));
    await process.changeMailbox.connected(mailbox.id);
  }

  async function connectedMailbox(): Promise<ExampleMailbox> {
    const mailbox = await addMailbox();
    await connect(mailbox);
    return mailbox;
  }

  async function renewClientSecret(): Promise<void> {
    const value = `secret~${randomUUID()}`;
    watch.remember(value);
    entra.addSecret(CLIENT_ID, { value });
    await ownSecrets.write(CLIENT_SECRET_NAME, value, { contentType: "text/plain" });
  }
  await renewClientSecret();

  async function grantOf({ id }: ExampleMailbox): Promise<StoredGrant> {
    const grant = await administrator.grants.read(id);
    assert.ok(grant, `There is no grant of ${id}`);
    return grant;
  }

  function urls(): string[] {
    const requests = [entra.server, keyVault.server, managedIdentity.server].flatMap((server) => server.requests);
    return requests.map(({ path, query }) => decodeURIComponent(`${path}?${query}`));
  }

  return {
    clock,
    entra,
    keyVault,
    secrets: ownSecrets,
    tables: ownTables,
    logLines,
    logged: (event) => logLines.filter((line) => (JSON.parse(line) as { event: string }).event === event).length,
    instance,
    addMailbox,
    connect,
    connectedMailbox,
    grantOf,
    renewClientSecret,
    passRefreshTime: async (mailbox) => {
      const { refreshAt, expiresAt } = await grantOf(mailbox);
      clock.advanceTo(refreshAt);
      assert.ok(Date.now() < expiresAt.getTime() - 5 * MINUTE_MS);
    },
    passEnd: async (mailbox) => clock.advanceTo((await grantOf(mailbox)).expiresAt),
    assertServes: ({ account }, token) => {
      const described = entra.describeAccessToken(token);
      assert.equal(described?.oid, account.oid);
      assert.ok(described.expiresAt.getTime() - Date.now() > 2 * MINUTE_MS - 1_000, "it ends too soon");
    },
    assertNothingLeaked: () => {
      for (const { value } of keyVault.read("data-key")) watch.remember(value);
      watch.assertNothingLeaked({ logLines, urls: urls() });
    },
    async stop() {
      await storage.stop();
      await entra.server.stop();
      await keyVault.server.stop();
      await managedIdentity.server.stop();
      clock.uninstall();
    },
  };
}

/** Starts a consent and signs the mailbox's account in, up to the way back to Deskpost. */
export async function goThroughMicrosoft(
  { consents }: Instance,
  { id, address, account }: ExampleMailbox,
  decision: "accept" | "cancel" = "accept",
): Promise<{ cookie: { name: string; value: string }; callback: Callback }> {
  const { location, cookie } = await consents.start({ mailboxId: id, address, kind: "owner", writes: false });
  return { cookie, callback: await signIn(location, { oid: account.oid, decision }) };
}
