import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { env } from "node:process";
import { setTimeout } from "node:timers/promises";
import { ManagedIdentityCredential, type TokenCredential } from "@azure/identity";
import type { ClientAuthentication } from "../../../shared/config.ts";
import { messageOf } from "../../../shared/errors.ts";
import { createSecrets, type Secrets } from "../../../shared/key-vault.ts";
import { createAppHealth } from "../../../shared/mailboxes/app-health.ts";
import { type ChangeMailbox, createChangeMailbox } from "../../../shared/mailboxes/change-mailbox.ts";
import { createKeepTokens, type KeepTokensReport } from "../../../shared/mailboxes/keep-tokens.ts";
import type { MailboxRegistry, StoredMailbox } from "../../../shared/mailboxes/mailbox.ts";
import { createMailboxRegistry } from "../../../shared/mailboxes/registry-table.ts";
import { createTables, type Tables } from "../../../shared/tables.ts";
import { createLog, type LogEvent } from "../../../shared/telemetry/log.ts";
import { type AccessTokens, createAccessTokens } from "../../../shared/tokens/access-tokens.ts";
import { createClientCredential } from "../../../shared/tokens/client-credential.ts";
import { type Consents, createConsents } from "../../../shared/tokens/consent.ts";
import { isDueForSaving } from "../../../shared/tokens/expiry.ts";
import type { GrantStore, StoredGrant } from "../../../shared/tokens/grant.ts";
import { createGrantStore } from "../../../shared/tokens/grant-store-azure.ts";
import { createPendingConsents } from "../../../shared/tokens/pending-consents.ts";
import { createTokenEndpoint, type TokenEndpoint } from "../../../shared/tokens/token-endpoint.ts";
import { createTokenSealer, type TokenSealer } from "../../../shared/tokens/token-sealer.ts";
import { startAzurite } from "../../simulator/azurite.ts";
import { type Clock, installClock } from "../../simulator/clock.ts";
import { type Entra, startEntra } from "../../simulator/entra/entra.ts";
import type { Account } from "../../simulator/entra/entra-directory.ts";
import { type Callback, signIn } from "../../simulator/entra/entra-person.ts";
import { KEY_VAULT_AUDIENCE, type KeyVault, startKeyVault } from "../../simulator/key-vault/key-vault.ts";
import { startManagedIdentity } from "../../simulator/key-vault/managed-identity.ts";
import type { SeenRequest } from "../../simulator/stand-in.ts";
import { trustedCertificate } from "../../simulator/tls.ts";

export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

export const CONTOSO = { id: "0f8a1f6e-6b5c-4f0e-9a53-2d9b7c1e4a10", domain: "contoso.test" };
export const FABRIKAM = { id: "7c2d9e44-1a3b-4c5d-8e6f-90a1b2c3d4e5", domain: "fabrikam.test" };
export const CLIENT_ID = "1d2c3b4a-5f6e-4789-90ab-cdef01234567";
export const REDIRECT_URL = "https://deskpost.test/api/finish-consent";
export const CLIENT_SECRET_NAME = "entra-client-secret";
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

/** One process of Deskpost: its own clients and its own memory, over the storage that all share. */
export interface Instance extends AccessTokens {
  readonly consents: Consents;
  readonly grants: GrantStore;
  readonly registry: MailboxRegistry;
  readonly changeMailbox: ChangeMailbox;
  keepTokens(): Promise<KeepTokensReport>;
}

export interface InstanceOptions {
  /** Puts something in front of a part, for instance what makes the process die there. */
  readonly grants?: (grants: GrantStore) => GrantStore;
  readonly sealer?: (sealer: TokenSealer) => TokenSealer;
  readonly sleep?: (ms: number) => Promise<void>;
  readonly random?: () => number;
  readonly authentication?: ClientAuthentication;
  /** What is wrong with the mailbox, as Graph tells it right after consent. */
  readonly cannotOpen?: string;
  /** Restricts the sign-in to this tenant. */
  readonly tenant?: string;
}

/** Deskpost's own adapters on the stand-ins for Entra, Key Vault, the managed identity and Table Storage. */
export interface TokenBed {
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
  /** Fails where a secret that was ever issued is in a log line, in the message of an error, or in a URL. */
  assertNothingLeaked(): void;
  stop(): Promise<void>;
}

/** True for a request to the token endpoint. */
export function isTokenRequest({ path }: SeenRequest): boolean {
  return path.endsWith("/oauth2/v2.0/token");
}

export async function startTokenBed(): Promise<TokenBed> {
  // Before the clock: TLS compares the certificate with the real time.
  const certificate = await trustedCertificate();
  const clock = installClock();
  const azurite = await startAzurite({ tablePort: 0, queuePort: 0 });
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
  const issued = new Set<string>();
  const thrown: string[] = [];
  const inUrlByProtocol = new Set<string>();
  const storage = { connectionString: azurite.connectionString };
  const now = () => new Date();
  const sleepShortly = async (ms: number) => void (await setTimeout(ms / 5));

  /** The managed identity as the real credential reaches it; its tokens are remembered. */
  function createIdentity(): TokenCredential {
    const credential = new ManagedIdentityCredential({ clientId: IDENTITY.clientId });
    return {
      getToken: async (scopes) => {
        const token = await credential.getToken(scopes);
        issued.add(token.token);
        return token;
      },
    };
  }

  /** The real endpoint; what it issues and what is sent to it is remembered. */
  function remembering(endpoint: TokenEndpoint): TokenEndpoint {
    const remember = (...values: (string | undefined)[]) => {
      for (const value of values) if (value !== undefined) issued.add(value);
    };
    return {
      tenantId: endpoint.tenantId,
      authorizationUrl: (request) => {
        remember(request.state, request.nonce, request.codeVerifier);
        // Both go to Microsoft in the query; the protocol has no other place for them.
        inUrlByProtocol.add(request.state).add(request.nonce);
        return endpoint.authorizationUrl(request);
      },
      redeemCode: async (redemption) => {
        remember(redemption.code);
        const answer = await endpoint.redeemCode(redemption);
        remember(answer.accessToken, answer.refreshToken);
        return answer;
      },
      refresh: async (request) => {
        remember(request.refreshToken);
        const answer = await endpoint.refresh(request);
        remember(answer.accessToken, answer.refreshToken);
        return answer;
      },
    };
  }

  /** Keeps the words of whatever a call throws. */
  async function watched<T>(call: Promise<T>): Promise<T> {
    try {
      return await call;
    } catch (error) {
      thrown.push(`${messageOf(error)} ${error instanceof Error ? error.stack : ""} ${JSON.stringify(error)}`);
      throw error;
    }
  }

  const secretsOf = (credential: TokenCredential) =>
    createSecrets({ vaultUrl: keyVault.origin, credential, sleep: sleepShortly });
  const ownSecrets = secretsOf(createIdentity());
  const ownTables = createTables({ storage, credential: createIdentity() });

  function instance(options: InstanceOptions = {}): Instance {
    const { sleep = sleepShortly, random = Math.random, cannotOpen, tenant } = options;
    const { grants: grantsOf = (part) => part, sealer: sealerOf = (part) => part } = options;
    const { authentication = { kind: "client-secret", secretName: CLIENT_SECRET_NAME } } = options;
    const identity = createIdentity();
    const tables = createTables({ storage, credential: identity });
    const secrets = secretsOf(identity);
    const readSecret = async (name: string) => (await secrets.read(name))?.value;
    const credential = createClientCredential({ authentication, identity, readSecret });
    const endpoint = remembering(createTokenEndpoint({ loginUrl: entra.origin, clientId: CLIENT_ID, credential, now }));
    const registry = createMailboxRegistry(tables);
    const grants = grantsOf(createGrantStore({ tables, secrets }));
    const sealer = sealerOf(createTokenSealer(secrets));
    const appHealth = createAppHealth({ registry, log, now });
    const tokens = createAccessTokens({ grants, endpoint, sealer, appHealth, log, now, random, sleep });
    const changeMailbox = createChangeMailbox({
      registry,
      deskNames: ["support"],
      forgetCheckpoint: async () => {},
      removeGrant: (id) => grants.remove(id),
      log,
      now,
    });
    const consents = createConsents({
      pending: createPendingConsents(tables),
      endpoint,
      grants,
      sealer,
      redirectUrl: REDIRECT_URL,
      tenant,
      subject: async (mailboxId) => {
        const mailbox = await registry.get(mailboxId);
        return mailbox && { mailboxId, address: mailbox.address, writes: mailbox.acknowledge.kind !== "nothing" };
      },
      cannotOpen: async () => cannotOpen,
      log,
      now,
      random,
    });
    const keepTokens = createKeepTokens({
      registry,
      grants: () => grants.list(),
      isDue: (savedAt) => isDueForSaving(savedAt, now()),
      renew: tokens.renew,
      removeGrant: (id) => grants.remove(id),
      connected: changeMailbox.connected,
      refused: changeMailbox.refused,
      log,
      now,
    });
    return {
      grants,
      registry,
      changeMailbox,
      accessTokenFor: (id, rejected) => watched(tokens.accessTokenFor(id, rejected)),
      renew: (id) => watched(tokens.renew(id)),
      keepTokens: () => watched(keepTokens()),
      consents: {
        start: (subject, anyAccount) => watched(consents.start(subject, anyAccount)),
        finish: (callback) => watched(consents.finish(callback)),
        sweep: consents.sweep,
      },
    };
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
    issued.add(value);
    entra.addSecret(CLIENT_ID, { value });
    await ownSecrets.write(CLIENT_SECRET_NAME, value, { contentType: "text/plain" });
  }
  await renewClientSecret();

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
    async grantOf({ id }) {
      const grant = await administrator.grants.read(id);
      assert.ok(grant, `There is no grant of ${id}`);
      return grant;
    },
    renewClientSecret,
    assertNothingLeaked() {
      for (const { value } of keyVault.read("data-key")) issued.add(value);
      assert.ok(issued.size > 5, "Nothing was issued, so nothing was proved");
      for (const secret of issued) {
        assert.ok(secret.length > 8);
        const places = [...logLines, ...thrown, ...(inUrlByProtocol.has(secret) ? [] : urls())];
        const leak = places.find((place) => place.includes(secret));
        assert.equal(leak, undefined, `The secret ${secret.slice(0, 12)}… is in: ${leak}`);
      }
    },
    async stop() {
      await azurite.stop();
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
  const { location, cookie } = await consents.start({ mailboxId: id, address, writes: false });
  return { cookie, callback: await signIn(location, { oid: account.oid, decision }) };
}
