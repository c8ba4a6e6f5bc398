import { setTimeout } from "node:timers/promises";
import type { TokenCredential } from "@azure/identity";
import { createAppHealth } from "../../../shared/health/app-health.ts";
import { type ChangeMailbox, createChangeMailbox } from "../../../shared/mailboxes/change-mailbox.ts";
import type { MailboxRegistry } from "../../../shared/mailboxes/mailbox.ts";
import { createMailboxRegistry } from "../../../shared/mailboxes/registry-table.ts";
import type { ClientAuthentication } from "../../../shared/platform/config.ts";
import { createSecrets } from "../../../shared/platform/key-vault-azure.ts";
import type { Tables } from "../../../shared/platform/tables-azure.ts";
import { createRenewGrants, type RenewGrantsReport } from "../../../shared/scheduling/renew-grants.ts";
import type { Log } from "../../../shared/telemetry/log.ts";
import { type AccessTokens, createAccessTokens } from "../../../shared/tokens/access-tokens.ts";
import { createClientCredential } from "../../../shared/tokens/client-credential.ts";
import { type Consents, createConsents } from "../../../shared/tokens/consent.ts";
import { createCredentialEnd } from "../../../shared/tokens/credential-end.ts";
import { isDueForSaving, SAVE_AFTER_MS } from "../../../shared/tokens/expiry.ts";
import type { GrantStore } from "../../../shared/tokens/grant.ts";
import { createGrantStore } from "../../../shared/tokens/grant-store-azure.ts";
import { createPendingConsents } from "../../../shared/tokens/pending-consents-table.ts";
import { createTokenEndpoint } from "../../../shared/tokens/token-endpoint.ts";
import { createTokenSealer, type TokenSealer } from "../../../shared/tokens/token-sealer.ts";
import { consentSubject } from "../../../shared/web/consent-subject.ts";
import { noActivity } from "../activity/no-activity.ts";
import type { LeakWatch } from "./leak-watch.ts";

export const CLIENT_ID = "1d2c3b4a-5f6e-4789-90ab-cdef01234567";
export const REDIRECT_URL = "https://deskpost.test/api/finish-consent";
export const CLIENT_SECRET_NAME = "entra-client-secret";

/** One process of Deskpost: its own clients and its own memory, over the storage that all share. */
export interface Instance extends AccessTokens {
  readonly consents: Consents;
  readonly grants: GrantStore;
  readonly registry: MailboxRegistry;
  readonly changeMailbox: ChangeMailbox;
  renewGrants(): Promise<RenewGrantsReport>;
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
  /** As the setting REFRESH_TOKEN_SAVING: 0 stores each refresh token. */
  readonly saveAfterMs?: number;
  /** Restricts the sign-in to this tenant. */
  readonly tenant?: string;
}

/** What a process finds outside itself. */
interface InstanceWorld {
  openTables(): Tables;
  readonly vaultUrl: string;
  readonly loginUrl: string;
  readonly identity: TokenCredential;
  readonly watch: LeakWatch;
  readonly log: Log;
}

export const APPLICATION_SCOPE = "https://graph.microsoft.com/.default";
const now = () => new Date();

/** Waits as long as it must for the stand-ins, and not as long as for the real services. */
export async function sleepShortly(ms: number): Promise<void> {
  await setTimeout(ms / 5);
}

/** Puts a process together from Deskpost's own parts. */
export function createInstance(world: InstanceWorld, options: InstanceOptions = {}): Instance {
  const { openTables, vaultUrl, loginUrl, identity, watch, log } = world;
  const { sleep = sleepShortly, random = Math.random, saveAfterMs = SAVE_AFTER_MS, cannotOpen, tenant } = options;
  const { grants: grantsOf = (part) => part, sealer: sealerOf = (part) => part } = options;
  const { authentication = { kind: "client-secret", secretName: CLIENT_SECRET_NAME } } = options;
  const tables = openTables();
  const secrets = createSecrets({ vaultUrl, credential: identity, sleep: sleepShortly });
  const readSecret = async (name: string) => (await secrets.read(name))?.value;
  const credential = createClientCredential({ authentication, identity, readSecret, log });
  const endpoint = watch.endpoint(
    createTokenEndpoint({ loginUrl, clientId: CLIENT_ID, applicationScope: APPLICATION_SCOPE, credential, now }),
  );
  const registry = createMailboxRegistry(tables);
  const grants = grantsOf(createGrantStore({ tables, secrets }));
  const sealer = sealerOf(createTokenSealer(secrets));
  const appHealth = createAppHealth({ registry, log, now });
  const tokens = createAccessTokens({ grants, endpoint, sealer, appHealth, saveAfterMs, log, now, random, sleep });
  const changeMailbox = createChangeMailbox({
    registry,
    deskNames: ["support"],
    tryDeskNow: async () => {},
    queueFetch: async () => {},
    forgetCheckpoint: async () => {},
    removeGrant: (id) => grants.remove(id),
    activity: noActivity,
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
      return mailbox && consentSubject(mailbox);
    },
    cannotOpen: async () => cannotOpen,
    sameFolder: async () => undefined,
    useInvitation: async () => true,
    releaseInvitation: async () => {},
    log,
    now,
    random,
  });
  const renewGrants = createRenewGrants({
    registry,
    grants: () => grants.list(),
    isDue: (savedAt) => isDueForSaving(savedAt, now()),
    credentialEnd: createCredentialEnd({ authentication, readSecret: secrets.read }),
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
    accessTokenFor: (id, rejected) => watch.call(tokens.accessTokenFor(id, rejected)),
    renew: (id) => watch.call(tokens.renew(id)),
    renewGrants: () => watch.call(renewGrants()),
    consents: {
      start: (...wanted) => watch.call(consents.start(...wanted)),
      finish: (callback) => watch.call(consents.finish(callback)),
      connectGranted: (subject) => watch.call(consents.connectGranted(subject)),
      purge: consents.purge,
    },
  };
}
