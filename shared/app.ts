import { setTimeout } from "node:timers/promises";
import { createMailboxGauges } from "./health/mailbox-gauges.ts";
import type { Ledger } from "./mail/ledger/ledger.ts";
import type { FetchOutcome } from "./mail/run/fetch-mailbox.ts";
import { createMailboxRegistry } from "./mailboxes/registry-table.ts";
import { type Config, readConfig } from "./platform/config.ts";
import { createSecrets } from "./platform/key-vault-azure.ts";
import { createManagedIdentity } from "./platform/managed-identity-azure.ts";
import { createTables, type Tables } from "./platform/tables-azure.ts";
import { createFetchQueue } from "./scheduling/fetch-queue-azure.ts";
import { createGrantRefused } from "./scheduling/grant-refused.ts";
import { createRenewGrants, type RenewGrantsReport } from "./scheduling/renew-grants.ts";
import { createRetention } from "./scheduling/retention.ts";
import { currentLog } from "./telemetry/current-log.ts";
import { createOutgoing } from "./telemetry/outgoing.ts";
import { isDueForSaving } from "./tokens/expiry.ts";
import type { WebApp } from "./web/web-app.ts";
import { createMailPath, type World } from "./wiring/mail.ts";
import { createTokenParts } from "./wiring/tokens.ts";
import { createWebParts } from "./wiring/web.ts";

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
  fetchAbandoned(mailboxId: string | undefined): Promise<void>;
  renewGrants(): Promise<RenewGrantsReport>;
  /** Removes what is older than the ledger's memory, and sign-ins that are over. */
  purge(): Promise<void>;
}

export interface AppOptions extends Pick<World, "log">, Partial<Omit<World, "log">> {
  readonly config: Config;
  /** Instead of those of the configured storage account. */
  readonly tables?: Tables;
}

/** Wires Deskpost together. It does no I/O: everything is reached when it is first needed. */
export function createApp(options: AppOptions): App {
  const { config, log, now = () => new Date(), random = Math.random } = options;
  const { sleep = async (ms: number) => void (await setTimeout(ms)) } = options;
  const world: World = { log, now, random, sleep };
  const outgoing = createOutgoing({ log, now });
  const identity = createManagedIdentity(config.managedIdentityClientId);
  const tables = options.tables ?? createTables({ storage: config.storage, credential: identity });
  const secrets = createSecrets({ vaultUrl: config.keyVaultUrl, credential: identity, sleep });
  const registry = createMailboxRegistry(tables);

  const tokens = createTokenParts({ ...world, config, tables, secrets, identity, registry, outgoing });
  const { accessTokenFor, readSecret, removeGrant, grants, renew, credentialEnd, invitations } = tokens;
  const mail = createMailPath({
    ...{ ...world, config, tables, registry, outgoing, accessTokenFor, readSecret, removeGrant },
    queue: createFetchQueue({ storage: config.storage, credential: identity }),
    grantRefused: (mailboxId, error) => grantRefused(mailboxId, error),
  });
  const { changeMailbox, ledger, activity } = mail;
  const grantRefused = createGrantRefused({ grants, changeMailbox });
  const gauges = createMailboxGauges({ registry, log, now });
  const { revocations, ...web } = createWebParts({ ...world, config, tables, secrets, tokens, mail });

  return {
    ...{ config, now, ...mail, ...web },
    async fetchDueMailboxes() {
      await mail.fetchDueMailboxes();
      await gauges();
    },
    renewGrants: createRenewGrants({
      ...{ registry, grants: grants.list, renew, removeGrant: grants.remove, credentialEnd, log, now },
      isDue: (savedAt) => isDueForSaving(savedAt, now()),
      connected: changeMailbox.connected,
      refused: grantRefused,
    }),
    purge: createRetention({
      ...{ registry, ledger, consents: web.consents, invitations, revocations, activity, now },
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
