import type { AppAlarm, MailboxRegistry, StoredMailbox } from "../../mailboxes/mailbox.ts";
import { isLoopback } from "../../platform/base-url.ts";
import type { RedirectProbe } from "../../tokens/redirect-probe.ts";
import { TICK_OVERDUE_MS, WARN_BEFORE_END_MS } from "../thresholds.ts";
import { organisationCheck, tenantOf } from "./organisation-check.ts";
import { redirectRemedy } from "./redirect-remedy.ts";
import type { Check, Finding } from "./run-checks.ts";

/** What answers at the app's own address; `status` undefined where nothing does. */
export interface OwnAddressAnswer {
  readonly status: number | undefined;
  readonly isDeskpost: boolean;
}

export interface AppCheckDeps {
  readonly registry: Pick<MailboxRegistry, "lastTick" | "alarm">;
  readonly config: {
    readonly publicBaseUrl: string;
    readonly graphUrl: string;
    readonly loginUrl: string;
    readonly clientId: string;
    /** The setting ENTRA_TENANT. */
    readonly tenant: string | undefined;
    readonly authentication: "federated-credential" | "client-secret" | "certificate";
    readonly deskNames: readonly string[];
  };
  /** What start-consent sends to Microsoft. */
  readonly redirectUrl: string;
  readonly askOwnAddress: () => Promise<OwnAddressAnswer>;
  /** Writes a row, reads it back, removes it. */
  readonly tryStorage: () => Promise<void>;
  /** Writes to Key Vault and reads it back; gives since when the secret for that exists. */
  readonly tryKeyVault: () => Promise<Date>;
  /** The id of the tenant behind a domain or id. */
  readonly tenantId: (tenant: string) => Promise<string>;
  /** Asks Entra for a token of the application itself, which is thrown away. */
  readonly tryApplication: (tenant: string) => Promise<void>;
  /** What Entra makes of our redirect URL. */
  readonly probeRedirect: (tenant: string) => Promise<RedirectProbe>;
  readonly credentialEnd: () => Promise<Date | undefined>;
  readonly now: () => Date;
}

/** The checks of the app as a whole; the mailbox only names its organisation and its desk. */
export function appChecks(deps: AppCheckDeps, mailbox: StoredMailbox | undefined): Check[] {
  const { config, registry, now } = deps;
  const organisation = { tenant: config.tenant, address: mailbox?.address, tenantId: deps.tenantId };

  async function configuration(): Promise<Finding> {
    const evidence = {
      desks: config.deskNames.join(", "),
      graph: config.graphUrl,
      signIn: config.loginUrl,
      desk: mailbox?.desk,
    };
    if (mailbox === undefined || config.deskNames.includes(mailbox.desk)) return { result: "ok", evidence };
    const remedy = `The mailbox delivers to "${mailbox.desk}", which the setting DESKS does not name: add it there, or remove the mailbox and add it with another desk.`;
    return { result: "failed", evidence, remedy };
  }

  async function address(): Promise<Finding> {
    const url = new URL(config.publicBaseUrl);
    const { status, isDeskpost } = await deps.askOwnAddress();
    const evidence = { publicBaseUrl: config.publicBaseUrl, redirectUrl: deps.redirectUrl, status };
    if (url.protocol !== "https:" && !isLoopback(url)) {
      return { result: "failed", evidence, remedy: `Set PUBLIC_BASE_URL to https://${url.host}.` };
    }
    if (new URL(deps.redirectUrl).origin !== url.origin) {
      return { result: "failed", evidence, remedy: "The redirect URL is not below PUBLIC_BASE_URL: restart the app." };
    }
    if (isDeskpost) return { result: "ok", evidence };
    if (status === undefined) {
      const remedy = `The app does not reach itself at ${url.host}, which some networks forbid: open ${url.origin}/api/health in a browser. If that fails too, put PUBLIC_BASE_URL right.`;
      return { result: "warning", evidence, remedy };
    }
    const remedy = `Something other than Deskpost answers at ${url.host} (HTTP ${status}): put PUBLIC_BASE_URL right, and let /api/finish-consent through any proxy or sign-in in front of the app.`;
    return { result: "failed", evidence, remedy };
  }

  async function timer(): Promise<Finding> {
    const lastTick = await registry.lastTick();
    const evidence = { lastTick };
    if (lastTick !== undefined && now().getTime() - lastTick.getTime() <= TICK_OVERDUE_MS) {
      return { result: "ok", evidence };
    }
    const remedy = `The timer function fetch-mail ${lastTick === undefined ? "has never run" : "has not run for a while"}: look in the Azure portal whether the function app is started and lists it, and at the setting FETCH_SCHEDULE.`;
    return { result: "failed", evidence, remedy };
  }

  async function application(): Promise<Finding> {
    const tenant = tenantOf(organisation);
    if (tenant === undefined) throw new Error("No mailbox names an organisation");
    const [alarm, endsAt, redirect] = await Promise.all([
      registry.alarm(),
      deps.credentialEnd(),
      deps.probeRedirect(tenant),
      deps.tryApplication(tenant),
    ]);
    return applicationFinding(alarm, endsAt, redirect);
  }

  function applicationFinding(alarm: AppAlarm | undefined, endsAt: Date | undefined, redirect: RedirectProbe): Finding {
    const evidence = {
      clientId: config.clientId,
      by: config.authentication,
      redirectUrl: redirect.kind === "refused" ? `refused, AADSTS${redirect.code}` : redirect.kind,
      endsAt,
      alarmSince: alarm?.since,
    };
    if (redirect.kind === "refused") {
      const remedy = redirectRemedy(redirect.code, config.clientId, deps.redirectUrl);
      return { result: "failed", evidence, remedy };
    }
    if (alarm !== undefined) {
      const remedy = "It is accepted now, and the alarm of before ends with the next fetch.";
      return { result: "warning", evidence, remedy };
    }
    if (endsAt === undefined || endsAt.getTime() - now().getTime() > WARN_BEFORE_END_MS) {
      return { result: "ok", evidence };
    }
    const remedy = `The credential ends at ${endsAt.toISOString()}: make a new one in Entra, App registrations, Certificates & secrets, and store it in Key Vault.`;
    return { result: "warning", evidence, remedy };
  }

  return [
    {
      name: "configuration",
      needs: [],
      limitMs: 1_000,
      remedy: "Look at the settings of the app.",
      run: configuration,
    },
    { name: "address", needs: [], limitMs: 8_000, remedy: "Look at the setting PUBLIC_BASE_URL.", run: address },
    {
      name: "storage",
      needs: [],
      limitMs: 6_000,
      remedy:
        'Look at AzureWebJobsStorage, the network rules of the storage account, and the role "Storage Table Data Contributor" of the app\'s identity.',
      run: async () => ({ result: "ok", evidence: { written: await deps.tryStorage().then(() => true) } }),
    },
    {
      name: "key vault",
      needs: [],
      limitMs: 6_000,
      remedy:
        'Look at KEY_VAULT_URL, the network rules of the vault, and the role "Key Vault Secrets Officer" of the app\'s identity.',
      run: async () => ({ result: "ok", evidence: { secretSince: await deps.tryKeyVault() } }),
    },
    {
      name: "timer",
      needs: ["storage"],
      limitMs: 4_000,
      remedy: "Look at the function fetch-mail in the Azure portal.",
      run: timer,
    },
    organisationCheck(organisation),
    {
      name: "application",
      needs: config.authentication === "federated-credential" ? ["organisation"] : ["organisation", "key vault"],
      limitMs: 8_000,
      remedy: "Look at ENTRA_CLIENT_ID and at the registration's credentials in Entra.",
      run: application,
    },
  ];
}
