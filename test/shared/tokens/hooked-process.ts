import { createAppHealth } from "../../../shared/health/app-health.ts";
import { createChangeMailbox } from "../../../shared/mailboxes/change-mailbox.ts";
import type { MailboxRegistry } from "../../../shared/mailboxes/mailbox.ts";
import { createMailboxRegistry } from "../../../shared/mailboxes/registry-table.ts";
import type { AppError } from "../../../shared/platform/errors.ts";
import { createGrantRefused } from "../../../shared/scheduling/grant-refused.ts";
import { createRenewGrants, type RenewGrantsReport } from "../../../shared/scheduling/renew-grants.ts";
import type { Log } from "../../../shared/telemetry/log.ts";
import { type AccessTokens, createAccessTokens } from "../../../shared/tokens/access-tokens.ts";
import { createClientCredential } from "../../../shared/tokens/client-credential.ts";
import { type Consents, createConsents } from "../../../shared/tokens/consent.ts";
import { isDueForSaving, SAVE_AFTER_MS } from "../../../shared/tokens/expiry.ts";
import type { GrantStore } from "../../../shared/tokens/grant.ts";
import { createGrantStore } from "../../../shared/tokens/grant-store-azure.ts";
import { createPendingConsents } from "../../../shared/tokens/pending-consents-table.ts";
import { createTokenEndpoint } from "../../../shared/tokens/token-endpoint.ts";
import { createTokenSealer } from "../../../shared/tokens/token-sealer.ts";
import { noActivity } from "../activity/no-activity.ts";
import type { TokenHarness } from "./token-harness.ts";
import { APPLICATION_SCOPE, CLIENT_ID, CLIENT_SECRET_NAME, REDIRECT_URL, sleepShortly } from "./token-instance.ts";

/** The ports of a process, by the names under which a hook hears of them. */
export type PortName = "grants" | "registry" | "endpoint" | "sealer" | "appHealth";

/** A process of Deskpost whose every call of a port can be watched, delayed or cut off, and whose clock may be wrong. */
export interface HookedProcess extends AccessTokens {
  readonly grants: GrantStore;
  readonly registry: MailboxRegistry;
  readonly consents: Consents;
  renewGrants(): Promise<RenewGrantsReport>;
  /** What a run does that was told of a refusal; one of a consent that has been replaced meanwhile concerns nobody. */
  refused(mailboxId: string, error: AppError): Promise<void>;
}

export interface HookedProcessOptions {
  /** Gives each port, with something in front of it. */
  readonly hook?: <Port extends object>(name: PortName, port: Port) => Port;
  /** The clock of this process; the stand-ins keep theirs. */
  readonly now?: () => Date;
  readonly sleep?: (ms: number) => Promise<void>;
}

const silent: Log = { info: () => {}, warn: () => {}, error: () => {} };

/** Wires a process together as shared/app.ts does. */
export function createHookedProcess(harness: TokenHarness, options: HookedProcessOptions = {}): HookedProcess {
  const { hook = (_, port) => port, now = () => new Date(), sleep = sleepShortly } = options;
  const { tables, secrets } = harness;
  const random = () => 0.5;
  const credential = createClientCredential({
    authentication: { kind: "client-secret", secretName: CLIENT_SECRET_NAME },
    identity: { getToken: async () => null },
    readSecret: async (name) => (await secrets.read(name))?.value,
    log: silent,
  });
  const loginUrl = harness.entra.origin;
  const endpoint = hook(
    "endpoint",
    createTokenEndpoint({ loginUrl, clientId: CLIENT_ID, applicationScope: APPLICATION_SCOPE, credential, now }),
  );
  const registry = hook("registry", createMailboxRegistry(tables));
  const grants = hook("grants", createGrantStore({ tables, secrets }));
  const sealer = hook("sealer", createTokenSealer(secrets));
  const appHealth = hook("appHealth", createAppHealth({ registry: createMailboxRegistry(tables), log: silent, now }));
  const deps = { grants, endpoint, sealer, appHealth, saveAfterMs: SAVE_AFTER_MS, log: silent, now, random, sleep };
  const tokens = createAccessTokens(deps);
  const changeMailbox = createChangeMailbox({
    registry,
    deskNames: ["support"],
    tryDeskNow: async () => {},
    queueFetch: async () => {},
    forgetCheckpoint: async () => {},
    removeGrant: (id) => grants.remove(id),
    activity: noActivity,
    log: silent,
    now,
  });
  const consents = createConsents({
    pending: createPendingConsents(tables),
    endpoint,
    grants,
    sealer,
    redirectUrl: REDIRECT_URL,
    tenant: undefined,
    subject: async (mailboxId) => {
      const mailbox = await registry.get(mailboxId);
      return mailbox && { mailboxId, address: mailbox.address, kind: "owner", writes: false };
    },
    cannotOpen: async () => undefined,
    sameFolder: async () => undefined,
    useInvitation: async () => true,
    releaseInvitation: async () => {},
    log: silent,
    now,
    random,
  });

  const refused = createGrantRefused({ grants, changeMailbox });

  return {
    ...tokens,
    grants,
    registry,
    consents,
    refused,
    renewGrants: createRenewGrants({
      registry,
      grants: () => grants.list(),
      isDue: (savedAt) => isDueForSaving(savedAt, now()),
      renew: tokens.renew,
      removeGrant: (id) => grants.remove(id),
      connected: changeMailbox.connected,
      refused,
      credentialEnd: async () => undefined,
      log: silent,
      now,
    }),
  };
}
