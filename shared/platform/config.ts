import { z } from "zod";
import { isLoopback, parseBaseUrl } from "./base-url.ts";
import { CLOUDS, type Cloud } from "./clouds.ts";
import { AppError } from "./errors.ts";
import { readSchedule } from "./schedule.ts";

/** How Deskpost proves to Entra that it is the registered application. */
export type ClientAuthentication =
  | { readonly kind: "federated-credential"; readonly audience: string }
  | { readonly kind: "client-secret"; readonly secretName: string }
  | { readonly kind: "certificate"; readonly certificateName: string };

type DeskSettings =
  /** `maxMessageBytes`: a larger message is not offered, but quarantined. */
  | { readonly kind: "uvdesk"; readonly url: string; readonly maxMessageBytes?: number | undefined }
  | {
      readonly kind: "webhook";
      readonly url: string;
      readonly maxMessageBytes?: number | undefined;
      readonly secretName: string;
    };

export interface Config {
  /** Origin under which browsers and Microsoft reach the app. */
  readonly publicBaseUrl: string;
  readonly storage:
    | { readonly connectionString: string }
    | { readonly tableServiceUri: string; readonly queueServiceUri: string };
  readonly keyVaultUrl: string;
  /** Client id of the user-assigned managed identity; undefined takes the system-assigned one. */
  readonly managedIdentityClientId: string | undefined;
  readonly entra: {
    readonly clientId: string;
    readonly loginUrl: string;
    /** Restricts sign-in to one tenant (GUID or domain); undefined takes the tenant of each mailbox's domain. */
    readonly tenant: string | undefined;
    /** The tenant whose administrators may sign in to the pages; undefined where nothing says which one. */
    readonly adminTenant: string | undefined;
    readonly authentication: ClientAuthentication;
  };
  readonly graphUrl: string;
  /** What the application itself is granted: all that an administrator allowed it at Graph. */
  readonly applicationScope: string;
  readonly desks: Readonly<Record<string, DeskSettings>>;
  /** Whether each new refresh token is stored, or one a week. */
  readonly refreshTokenSaving: "weekly" | "always";
  readonly fetch: {
    /** A run starts no further mailbox or message after this many seconds. */
    readonly budgetSeconds: number;
    /** Mailboxes that one run fetches side by side. */
    readonly concurrency: number;
    /** How long a mailbox without new mail may be left alone. */
    readonly longestQuietMinutes: number;
    /** How long a mailbox may be left alone whose fetch fails each time. */
    readonly longestBrokenMinutes: number;
  };
  /** Further links in the foot of the page: name to URL. */
  readonly pageLinks: Readonly<Record<string, string>>;
}

export interface SettingFault {
  readonly setting: string;
  readonly fault: string;
}

/** Settings are missing or malformed; `faults` names all of them at once. */
export class ConfigurationError extends AppError {
  override readonly name = "ConfigurationError";
  readonly faults: readonly SettingFault[];

  constructor(faults: readonly SettingFault[]) {
    const lines = faults.map(({ setting, fault }) => `  ${setting}: ${fault}`).join("\n");
    super("CONFIGURATION_INVALID", `Deskpost cannot run: ${faults.length} setting(s) to put right\n${lines}`);
    this.faults = faults;
  }
}

/** Once a minute, at second 0, UTC. */
const DEFAULT_SCHEDULE = "0 * * * * *";

const missing = "is missing";
const text = (what: string) =>
  z
    .string({ error: `${missing}; put ${what}` })
    .trim()
    .min(1, `is empty; put ${what}`);

/** An https URL, as it is; http is let through for loopback, where the simulator listens. */
const exactUrl = (what: string) =>
  text(what).transform((value, context) => {
    const url = URL.canParse(value) ? new URL(value) : undefined;
    if (url === undefined) {
      context.addIssue(`"${value}" is not a URL; put ${what}`);
    } else if (url.username !== "" || url.password !== "") {
      context.addIssue(`carries a user name or password; put ${what}`);
    } else if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback(url))) {
      context.addIssue(`"${value}" is not https; put ${what}`);
    } else {
      return url.href;
    }
    return z.NEVER;
  });

/** One to which paths are added. */
const secureUrl = (what: string) => exactUrl(what).transform((href) => href.replace(/\/$/, ""));

const secretName = z
  .string()
  .regex(/^[0-9a-zA-Z-]{1,127}$/, "is not the name of a Key Vault secret (letters, digits, hyphens)");

const wholeNumber = (least: number, most: number, fallback: number) =>
  z
    .string()
    .default(String(fallback))
    .transform((value, context) => {
      const number = Number(value);
      if (Number.isInteger(number) && number >= least && number <= most) return number;
      context.addIssue(`"${value}" is not a whole number from ${least} to ${most}`);
      return z.NEVER;
    });

const jsonObject = (example: string) =>
  z.string({ error: `${missing}; put JSON such as ${example}` }).transform((value, context): unknown => {
    try {
      return JSON.parse(value);
    } catch (error) {
      context.addIssue(`is not JSON (${(error as Error).message}); put for instance ${example}`);
      return z.NEVER;
    }
  });

const DESKS_EXAMPLE = '{"support":{"kind":"uvdesk","url":"https://desk.example.com"}}';

const maxMessageBytes = z
  .int({ error: "is not a whole number of bytes" })
  .min(1_024, "is less than 1024 bytes, which hardly any mail has")
  .optional();

const desk = z.discriminatedUnion(
  "kind",
  [
    z.object({
      kind: z.literal("uvdesk"),
      url: secureUrl("the address of the UVdesk site, https://desk.example.com"),
      maxMessageBytes,
    }),
    z.object({
      kind: z.literal("webhook"),
      // With its slash at the end, where it has one: many servers redirect to it.
      url: exactUrl("the URL that takes the mail, https://desk.example.com/inbound"),
      maxMessageBytes,
      secretName: secretName.default("webhook-signing-secret"),
    }),
  ],
  { error: `"kind" must be "uvdesk" or "webhook"` },
);

const settings = z.object({
  PUBLIC_BASE_URL: text("the https address of this app, such as https://deskpost.example.com").transform(
    (value, context) => {
      const parsed = parseBaseUrl(value);
      if ("origin" in parsed) return parsed.origin;
      context.addIssue(parsed.fault);
      return z.NEVER;
    },
  ),
  KEY_VAULT_URL: secureUrl("the vault's URI, https://NAME.vault.azure.net"),
  MANAGED_IDENTITY_CLIENT_ID: z.string().optional(),
  ENTRA_CLIENT_ID: text("the application (client) id of the app registration"),
  ENTRA_TENANT: z.string().optional(),
  ADMIN_TENANT: z
    .string()
    .regex(/^[\w.-]+$/, "is neither the id nor a domain of a tenant")
    .optional(),
  REFRESH_TOKEN_SAVING: z.enum(["weekly", "always"], { error: 'must be "weekly" or "always"' }).default("weekly"),
  MICROSOFT_CLOUD: z
    .enum(["global", "us-gov", "us-dod", "china"], { error: 'must be "global", "us-gov", "us-dod" or "china"' })
    .default("global"),
  ENTRA_LOGIN_URL: secureUrl("https://login.microsoftonline.com").optional(),
  ENTRA_CLIENT_AUTHENTICATION: z
    .enum(["federated-credential", "client-secret", "certificate"], {
      error: 'must be "federated-credential", "client-secret" or "certificate"',
    })
    .default("federated-credential"),
  ENTRA_CLIENT_SECRET_NAME: secretName.default("entra-client-secret"),
  ENTRA_CERTIFICATE_NAME: secretName.default("entra-certificate"),
  ENTRA_FEDERATION_AUDIENCE: text("api://AzureADTokenExchange").optional(),
  GRAPH_URL: secureUrl("https://graph.microsoft.com").optional(),
  DESKS: jsonObject(DESKS_EXAMPLE).pipe(
    z
      .record(z.string(), desk, { error: `must be a JSON object of desks; put for instance ${DESKS_EXAMPLE}` })
      .refine((desks) => Object.keys(desks).length > 0, `names no desk; put for instance ${DESKS_EXAMPLE}`)
      .superRefine((desks, context) => {
        for (const name of Object.keys(desks)) {
          if (!/^[a-z0-9-]{1,40}$/.test(name)) {
            context.addIssue(
              `"${name}" is no name for a desk: it has lower-case letters, digits and hyphens, at most 40`,
            );
          }
        }
      }),
  ),
  FETCH_SCHEDULE: z
    .string()
    .default(DEFAULT_SCHEDULE)
    .superRefine((text, context) => {
      const schedule = readSchedule(text);
      if ("fault" in schedule) context.addIssue(schedule.fault);
    }),
  FETCH_BUDGET_SECONDS: wholeNumber(1, 1_500, 45),
  FETCH_CONCURRENCY: wholeNumber(1, 32, 4),
  FETCH_LONGEST_QUIET_MINUTES: wholeNumber(0, 1_440, 0),
  FETCH_LONGEST_BROKEN_MINUTES: wholeNumber(0, 1_440, 15),
  PAGE_LINKS: jsonObject('{"Runbook":"https://wiki.example.com/deskpost"}')
    .pipe(z.record(z.string(), secureUrl("an https URL")))
    .default({}),
});

/** Every setting that is read, but for those of the host's own storage. */
export const SETTING_NAMES: readonly string[] = Object.keys(settings.shape);

/** The environment as the Functions host sets it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads every setting, and reports every fault at once.
 * @throws {ConfigurationError} naming each setting that is missing or malformed, and what to put there
 */
export function readConfig(environment: Environment = process.env): Config {
  // Templates set what they have no value for to "".
  const present = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ""));
  const parsed = settings.safeParse({ ...present, PUBLIC_BASE_URL: publicBaseUrl(present) });
  const storage = readStorage(environment);
  const faults = [
    ...(parsed.error?.issues ?? []).map((issue) => ({ setting: issue.path.join("."), fault: issue.message })),
    ...("fault" in storage ? [{ setting: "AzureWebJobsStorage", fault: storage.fault }] : []),
  ];
  if (!parsed.success || "fault" in storage) throw new ConfigurationError(faults);

  const values = parsed.data;
  const cloud = CLOUDS[values.MICROSOFT_CLOUD];
  return {
    publicBaseUrl: values.PUBLIC_BASE_URL,
    storage,
    keyVaultUrl: values.KEY_VAULT_URL,
    managedIdentityClientId: values.MANAGED_IDENTITY_CLIENT_ID,
    entra: {
      clientId: values.ENTRA_CLIENT_ID,
      loginUrl: values.ENTRA_LOGIN_URL ?? cloud.loginUrl,
      tenant: values.ENTRA_TENANT,
      adminTenant: values.ADMIN_TENANT ?? values.ENTRA_TENANT,
      authentication: clientAuthentication(values, cloud),
    },
    graphUrl: values.GRAPH_URL ?? cloud.graphUrl,
    applicationScope: `${cloud.graphUrl}/.default`,
    desks: values.DESKS,
    refreshTokenSaving: values.REFRESH_TOKEN_SAVING,
    fetch: {
      budgetSeconds: values.FETCH_BUDGET_SECONDS,
      concurrency: values.FETCH_CONCURRENCY,
      longestQuietMinutes: values.FETCH_LONGEST_QUIET_MINUTES,
      longestBrokenMinutes: values.FETCH_LONGEST_BROKEN_MINUTES,
    },
    pageLinks: values.PAGE_LINKS,
  };
}

/**
 * The schedule for the timer trigger. A malformed one falls back to once a minute here, so that the functions are
 * indexed all the same; `readConfig` then names the fault in every run.
 */
export function fetchSchedule(environment: Environment = process.env): string {
  const schedule = readSchedule(environment.FETCH_SCHEDULE || DEFAULT_SCHEDULE);
  return "expression" in schedule ? schedule.expression : DEFAULT_SCHEDULE;
}

/** Where the command line finds Deskpost, unless it is told. */
export function commandLineTarget(environment: Environment = process.env) {
  return { url: environment.DESKPOST_URL || undefined, key: environment.DESKPOST_KEY || undefined };
}

export interface TelemetryConfig {
  readonly connectionString: string;
  /** How the app proves itself to Application Insights; `undefined` where the instrumentation key alone is enough. */
  readonly identity: { readonly clientId: string | undefined } | undefined;
  /** The role's name: that of the function app, as the host has it. */
  readonly serviceName: string;
}

const telemetrySettings = z.object({
  APPLICATIONINSIGHTS_CONNECTION_STRING: z.string().optional(),
  /** Written as the host reads it. https://learn.microsoft.com/azure/azure-functions/functions-app-settings#applicationinsights_authentication_string */
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: z.string().default(""),
  OTEL_SERVICE_NAME: z.string().optional(),
  WEBSITE_SITE_NAME: z.string().optional(),
});

/** Where telemetry goes; `undefined` where it goes nowhere. Apart from the rest, because it must tell of faults there. */
export function readTelemetryConfig(environment: Environment = process.env): TelemetryConfig | undefined {
  const values = telemetrySettings.parse(environment);
  const connectionString = values.APPLICATIONINSIGHTS_CONNECTION_STRING;
  if (!connectionString) return undefined;
  const authentication = values.APPLICATIONINSIGHTS_AUTHENTICATION_STRING;
  const clientId = /(?:^|;)\s*ClientId=([^;]+)/i.exec(authentication)?.[1]?.trim();
  return {
    connectionString,
    identity: /(?:^|;)\s*Authorization=AAD\s*(?:;|$)/i.test(authentication) ? { clientId } : undefined,
    serviceName: values.OTEL_SERVICE_NAME || values.WEBSITE_SITE_NAME || "deskpost",
  };
}

/**
 * The exporter to Application Insights would report on its own use to Microsoft, by three more exporters, and would send
 * a metric without a value beside each batch of spans. It takes these wishes from the environment alone.
 */
export function keepExporterQuiet(): void {
  process.env.APPLICATION_INSIGHTS_NO_STATSBEAT ??= "true";
  process.env.APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED ??= "true";
}

function clientAuthentication(values: z.infer<typeof settings>, cloud: Cloud): ClientAuthentication {
  const kind = values.ENTRA_CLIENT_AUTHENTICATION;
  switch (kind) {
    case "client-secret":
      return { kind, secretName: values.ENTRA_CLIENT_SECRET_NAME };
    case "certificate":
      return { kind, certificateName: values.ENTRA_CERTIFICATE_NAME };
    case "federated-credential":
      return { kind, audience: values.ENTRA_FEDERATION_AUDIENCE ?? cloud.federationAudience };
  }
}

/** On Azure the platform names the app's own host; a custom domain has to be set. */
function publicBaseUrl(environment: Environment): string | undefined {
  if (environment.PUBLIC_BASE_URL !== undefined) return environment.PUBLIC_BASE_URL;
  return environment.WEBSITE_HOSTNAME === undefined ? undefined : `https://${environment.WEBSITE_HOSTNAME}`;
}

/** Deskpost keeps its tables in the storage account of the Functions host, by connection string or by identity. */
function readStorage(environment: Environment): Config["storage"] | { readonly fault: string } {
  const connectionString = environment.AzureWebJobsStorage;
  if (connectionString) return { connectionString };
  const tableServiceUri = environment.AzureWebJobsStorage__tableServiceUri;
  const queueServiceUri = environment.AzureWebJobsStorage__queueServiceUri;
  if (tableServiceUri && queueServiceUri) return { tableServiceUri, queueServiceUri };
  return {
    fault: `${missing}; put a connection string, or set AzureWebJobsStorage__tableServiceUri and __queueServiceUri (and __blobServiceUri, __credential, __clientId) to reach it by managed identity`,
  };
}
