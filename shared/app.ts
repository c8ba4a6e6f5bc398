import { tmpdir } from "node:os";
import { setTimeout } from "node:timers/promises";
import { ManagedIdentityCredential } from "@azure/identity";
import { createActivity } from "./activity/activity-table.ts";
import { createCircuitBreaker } from "./desks/circuit-breaker-table.ts";
import { createConfiguredDesks } from "./desks/configured-desks.ts";
import { probeDesk } from "./desks/desk-probe.ts";
import { testDelivery } from "./desks/test-message.ts";
import { createAppHealth } from "./health/app-health.ts";
import { createDiagnostics } from "./health/checks/diagnostics.ts";
import { createNewMailboxChecks } from "./health/checks/new-mailbox-checks.ts";
import { askOwnAddress, tryKeyVault, tryStorage } from "./health/checks/try-services.ts";
import { createMailboxGauges } from "./health/mailbox-gauges.ts";
import { createMailboxView, createOverview } from "./health/overview.ts";
import { tokenView } from "./health/token-view.ts";
import { createGraphClient } from "./mail/graph/graph-client.ts";
import { cannotOpenFolder } from "./mail/graph/graph-folder.ts";
import { createGraphSource } from "./mail/graph/graph-source.ts";
import { createMailFileCleanup } from "./mail/graph/mail-files.ts";
import type { RequestBudget } from "./mail/graph/request-budget.ts";
import type { Ledger } from "./mail/ledger/ledger.ts";
import { createLedger } from "./mail/ledger/ledger-table.ts";
import { createAudit } from "./mail/operator/audit.ts";
import { createImportMail } from "./mail/operator/import-mail.ts";
import { createQuarantine } from "./mail/operator/quarantine.ts";
import { createStoredMessages } from "./mail/operator/stored-messages.ts";
import { createFetchMailbox, type FetchOutcome } from "./mail/run/fetch-mailbox.ts";
import { traceFetches } from "./mail/run/traced-fetch.ts";
import { createChangeMailbox } from "./mailboxes/change-mailbox.ts";
import type { StoredMailbox } from "./mailboxes/mailbox.ts";
import { createMailboxRegistry } from "./mailboxes/registry-table.ts";
import { type Config, readConfig } from "./platform/config.ts";
import { createSecrets } from "./platform/key-vault-azure.ts";
import { attemptTimeout } from "./platform/sdk-timeout-azure.ts";
import { createTables, type Tables } from "./platform/tables-azure.ts";
import { createAbandonedFetches } from "./scheduling/abandoned-fetches.ts";
import { createFetchDueMailboxes } from "./scheduling/fetch-due-mailboxes.ts";
import { createFetchQueue } from "./scheduling/fetch-queue-azure.ts";
import { createGrantRefused } from "./scheduling/grant-refused.ts";
import { createQueueFetch, createQueueFetches } from "./scheduling/queue-fetches.ts";
import { createRenewGrants, type RenewGrantsReport } from "./scheduling/renew-grants.ts";
import { createRetention } from "./scheduling/retention.ts";
import { currentLog } from "./telemetry/current-log.ts";
import type { Log } from "./telemetry/log.ts";
import { createOutgoing } from "./telemetry/outgoing.ts";
import { createAccessTokens } from "./tokens/access-tokens.ts";
import { createClientCredential } from "./tokens/client-credential.ts";
import { type ConsentSubject, createConsents } from "./tokens/consent.ts";
import { createCredentialEnd } from "./tokens/credential-end.ts";
import { isDueForSaving, SAVE_AFTER_MS } from "./tokens/expiry.ts";
import { createGrantStore } from "./tokens/grant-store-azure.ts";
import { createInvitations } from "./tokens/invitations-table.ts";
import { mailScopes } from "./tokens/mail-scopes.ts";
import { createPendingConsents } from "./tokens/pending-consents-table.ts";
import { createRedirectProbe } from "./tokens/redirect-probe.ts";
import { createTokenEndpoint } from "./tokens/token-endpoint.ts";
import { createTokenSealer } from "./tokens/token-sealer.ts";
import { consentSubject } from "./web/consent-subject.ts";
import { createCookieKeys } from "./web/session/cookie-keys.ts";
import { createCookieSealer } from "./web/session/cookie-sealer.ts";
import { createRevocations } from "./web/session/revocations-table.ts";
import { createSessions } from "./web/session/sessions.ts";
import { createSignIn } from "./web/session/sign-in.ts";
import { createUrls } from "./web/urls.ts";
import type { WebApp } from "./web/web-app.ts";

/** One attempt at the managed identity endpoint, which is on the same machine, may take this long. */
const IDENTITY_TIMEOUT_MS = 10_000;

/** What the functions call. Everything in it is stateless but for caches; see README.md. */
export interface App extends WebApp {
  readonly ledger: Ledger;
  /** One tick. What does not fit into it goes to the queue. */
  fetchDueMailboxes(): Promise<void>;
  /**
   * One run for one mailbox, within the budget of the configuration. With work left it goes to the queue again.
   * @param causedBy the traceparent of what asked for it
   */
  fetchMailbox(mailboxId: string, causedBy?: string): Promise<FetchOutcome>;
  /** Records on a mailbox that the queue gave up on it. */
  fetchAbandoned(mailboxId: string): Promise<void>;
  renewGrants(): Promise<RenewGrantsReport>;
  /** Removes what is older than the ledger's memory, and sign-ins that are over. */
  purge(): Promise<void>;
}

export interface AppOptions {
  readonly config: Config;
  readonly log: Log;
  readonly now?: () => Date;
  readonly random?: () => number;
  /** Waits between attempts, in the app's own code; the SDKs have theirs. */
  readonly sleep?: (ms: number) => Promise<void>;
  /** Instead of those of the configured storage account. */
  readonly tables?: Tables;
}

/** Wires Deskpost together. It does no I/O: everything is reached when it is first needed. */
export function createApp({
  config,
  log,
  now = () => new Date(),
  random = Math.random,
  sleep = async (ms) => void (await setTimeout(ms)),
  tables: givenTables,
}: AppOptions): App {
  const outgoing = createOutgoing({ log, now });
  const clientId = config.managedIdentityClientId;
  const identity = new ManagedIdentityCredential({
    ...(clientId === undefined ? {} : { clientId }),
    additionalPolicies: attemptTimeout(IDENTITY_TIMEOUT_MS),
  });
  const tables = givenTables ?? createTables({ storage: config.storage, credential: identity });
  const secrets = createSecrets({ vaultUrl: config.keyVaultUrl, credential: identity, sleep });
  const readSecret = async (name: string) => (await secrets.read(name))?.value;

  const registry = createMailboxRegistry(tables);
  const ledger = createLedger({ tables, now });
  const activity = createActivity({ tables, log, now });
  const grants = createGrantStore({ tables, secrets });
  const urls = createUrls(config.publicBaseUrl);

  const endpoint = createTokenEndpoint({
    loginUrl: config.entra.loginUrl,
    clientId: config.entra.clientId,
    applicationScope: config.applicationScope,
    credential: createClientCredential({ authentication: config.entra.authentication, identity, readSecret }),
    now,
    outgoing,
  });
  const sealer = createTokenSealer(secrets);
  const appHealth = createAppHealth({ registry, log, now });
  const tokens = createAccessTokens({
    grants,
    endpoint,
    sealer,
    appHealth,
    saveAfterMs: config.refreshTokenSaving === "always" ? 0 : SAVE_AFTER_MS,
    log,
    now,
    random,
    sleep,
  });
  const graphFor = createGraphClient({ graphUrl: config.graphUrl, now, outgoing });

  const deskOf = createConfiguredDesks({ settings: config.desks, readSecret, tables, outgoing, now, random, sleep });
  const deskNames = Object.keys(config.desks);
  const circuitBreaker = createCircuitBreaker({ tables, log, now });
  const invitations = createInvitations({ tables, now });
  const queue = { registry, queue: createFetchQueue({ storage: config.storage, credential: identity }), log, now };
  const queueFetches = createQueueFetches(queue);
  const queueFetch = createQueueFetch(queue);
  const changeMailbox = createChangeMailbox({
    registry,
    queueFetch,
    tryDeskNow: circuitBreaker.halfOpen,
    deskNames,
    forgetCheckpoint: (id) => ledger.forgetCheckpoint(id),
    async removeGrant(id) {
      await invitations.withdraw(id);
      await grants.remove(id);
    },
    activity,
    log,
    now,
  });
  const grantRefused = createGrantRefused({ grants, changeMailbox });

  const sourceOf = ({ id, address, folder }: StoredMailbox, budget?: RequestBudget) =>
    createGraphSource({
      graphUrl: config.graphUrl,
      address,
      folder,
      send: graphFor(id, tokens.accessTokenFor, budget),
      now,
    });
  const plainFetch = createFetchMailbox({
    registry,
    ledger,
    sourceOf,
    deskOf,
    bounds: {
      longestQuietMs: config.fetch.longestQuietMinutes * 60_000,
      longestBrokenMs: config.fetch.longestBrokenMinutes * 60_000,
    },
    askCircuit: circuitBreaker.ask,
    grantRefused,
    activity,
    log,
    now,
  });
  const fetchMailbox = traceFetches(plainFetch);
  const removeLeftOverMailFiles = createMailFileCleanup({ folder: tmpdir(), log, now });
  const budgetMs = config.fetch.budgetSeconds * 1_000;

  const tick = createFetchDueMailboxes({
    registry,
    fetchMailbox: async (run) => {
      const outcome = await fetchMailbox(run);
      return { more: outcome.kind === "fetched" && outcome.more };
    },
    queueFetches,
    budgetMs,
    concurrency: config.fetch.concurrency,
    log,
    now,
  });

  const watchMailboxes = createMailboxGauges({ registry, log, now });

  async function subject(mailboxId: string): Promise<ConsentSubject | undefined> {
    const mailbox = await registry.get(mailboxId);
    return mailbox && consentSubject(mailbox);
  }

  const consents = createConsents({
    pending: createPendingConsents(tables),
    endpoint,
    grants,
    sealer,
    redirectUrl: urls.redirect,
    tenant: config.entra.tenant,
    subject,
    async cannotOpen(mailboxId, accessToken) {
      const mailbox = await registry.get(mailboxId);
      if (mailbox === undefined) return "The mailbox was removed meanwhile";
      return cannotOpenFolder(
        graphFor(mailboxId, async () => accessToken),
        mailbox.address,
        mailbox.folder,
      );
    },
    useInvitation: invitations.use,
    log,
    now,
    random,
  });

  const { adminTenant } = config.entra;
  const cookieSealer = createCookieSealer(createCookieKeys({ secrets, log, now }));
  const revocations = createRevocations({ tables, now });
  const sessions = createSessions({ sealer: cookieSealer, tenant: adminTenant, revocations, now });
  const signIn = createSignIn({
    endpoint,
    sealer: cookieSealer,
    sessions,
    revocations,
    tenant: adminTenant,
    redirectUrl: urls.signInRedirect,
    log,
    now,
  });

  const credentialEnd = createCredentialEnd({ authentication: config.entra.authentication, readSecret: secrets.read });

  const probeRedirect = createRedirectProbe(endpoint, urls.redirect);
  const checkMailbox = createDiagnostics({
    registry,
    config: {
      ...config,
      ...config.entra,
      authentication: config.entra.authentication.kind,
      deskNames,
    },
    redirectUrl: urls.redirect,
    askOwnAddress: () => askOwnAddress(urls.origin),
    tryStorage: () => tryStorage(tables),
    tryKeyVault: () => tryKeyVault(secrets, now()),
    tenantId: endpoint.tenantId,
    probeRedirect,
    tryApplication: async (tenant) => void (await endpoint.applicationToken({ tenant, claims: undefined })),
    credentialEnd,
    grant: grants.read,
    hasRefreshToken: async (grant) => (await grants.refreshToken(grant.secretName, grant.secretVersion)) !== undefined,
    neededScopes: (mailbox) => mailScopes(consentSubject(mailbox)),
    tryMailbox: async (mailbox) => (await sourceOf(mailbox).changes(undefined)).messages.length,
    probeDesk: ({ desk }) => probeDesk(config.desks[desk]?.url ?? ""),
    async sendTestMessage(mailbox) {
      const delivery = testDelivery(mailbox.id, mailbox.address, now());
      return { key: delivery.idempotencyKey, answer: await deskOf(mailbox).deliver(delivery) };
    },
    openCircuits: circuitBreaker.list,
    waiting: ledger.waiting,
    pending: (id, limit) => ledger.messages(id, "pending", limit),
    now,
  });

  return {
    config,
    now,
    urls,
    registry,
    ledger,
    changeMailbox,
    importMail: createImportMail({ ledger, sourceOf, deliverFrom: changeMailbox.deliverFrom, now }),
    audit: createAudit({ ledger, sourceOf, now }),
    quarantine: createQuarantine({ ledger, fetchNow: changeMailbox.fetchNow, activity, log, now }),
    messages: createStoredMessages({ registry, ledger, sourceOf }),
    activity,
    consents,
    invitations,
    signIn,
    sessions,
    async invite(mailboxId, anyAccount) {
      const { token, endsAt } = await invitations.create({ mailboxId, anyAccount });
      log.info("owner invited", { mailboxId, endsAt });
      return { url: urls.invitation(token), endsAt };
    },
    checkNewMailbox: createNewMailboxChecks({
      tenantId: endpoint.tenantId,
      tenant: config.entra.tenant,
      probeRedirect,
      redirectUrl: urls.redirect,
      clientId: config.entra.clientId,
      scopes: mailScopes,
      deskUrls: Object.fromEntries(Object.entries(config.desks).map(([name, { url }]) => [name, url])),
      probeDesk,
      now,
    }),
    async fetchDueMailboxes() {
      await removeLeftOverMailFiles();
      await tick();
      await watchMailboxes();
    },
    async fetchMailbox(mailboxId, causedBy) {
      await removeLeftOverMailFiles();
      const outcome = await fetchMailbox({ mailboxId, deadline: new Date(now().getTime() + budgetMs) }, causedBy);
      if (outcome.kind === "fetched" && outcome.more) await queueFetch(mailboxId);
      return outcome;
    },
    fetchAbandoned: createAbandonedFetches({ registry, log, now }),
    renewGrants: createRenewGrants({
      registry,
      grants: () => grants.list(),
      isDue: (savedAt) => isDueForSaving(savedAt, now()),
      renew: tokens.renew,
      removeGrant: (id) => grants.remove(id),
      connected: changeMailbox.connected,
      refused: grantRefused,
      credentialEnd,
      log,
      now,
    }),
    purge: createRetention({ registry, ledger, consents, invitations, revocations, activity, now }),
    checkMailbox,
    view: createMailboxView({
      registry,
      waiting: (id) => ledger.waiting(id),
      async token(id) {
        const grant = await grants.read(id);
        return grant && tokenView(grant);
      },
      openCircuits: circuitBreaker.list,
      now,
    }),
    overview: createOverview({
      registry,
      waiting: (id) => ledger.waiting(id),
      tokens: async () => new Map((await grants.list()).map((grant) => [grant.mailboxId, tokenView(grant)])),
      openCircuits: circuitBreaker.list,
      mailPerHour: activity.mailPerHour,
      now,
    }),
  };
}

let app: App | undefined;

/**
 * The app of this process, built at the first call. Where the configuration is faulty every call throws, naming what to
 * put right; nothing is remembered of it.
 * @throws {ConfigurationError}
 */
export function appOfProcess(): App {
  app ??= createApp({ config: readConfig(), log: currentLog });
  return app;
}
