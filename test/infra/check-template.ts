import { isDeepStrictEqual } from "node:util";
import type { Resource } from "./bicep.ts";

/** What the code says, to hold the template against. */
export interface Code {
  /** Settings that shared/platform/config.ts reads. */
  readonly settings: readonly string[];
  readonly tables: readonly string[];
  readonly queues: readonly string[];
  readonly functions: readonly string[];
}

/** What the Functions host reads, and partly the telemetry as well. */
export const HOST_SETTINGS = [
  "AzureWebJobsStorage__credential",
  "AzureWebJobsStorage__clientId",
  "AzureWebJobsStorage__blobServiceUri",
  "AzureWebJobsStorage__queueServiceUri",
  "AzureWebJobsStorage__tableServiceUri",
  "APPLICATIONINSIGHTS_CONNECTION_STRING",
  "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
  "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT",
];

/** https://learn.microsoft.com/azure/azure-functions/functions-app-settings#flex-consumption-plan-deprecations */
const FORBIDDEN_ON_FLEX =
  /^(AzureWebJobsStorage|FUNCTIONS_WORKER_RUNTIME|FUNCTIONS_EXTENSION_VERSION|WEBSITE_.*|SCM_.*|ENABLE_ORYX_BUILD|TZ|AZURE_CLIENT_ID)$/;

/**
 * Holds the app settings against the code: each one that is read is set, or can be; none is set that nothing reads.
 * @param optional names that a parameter file may set
 */
export function settingFaults(resources: readonly Resource[], optional: readonly string[], code: Code): string[] {
  const [settings] = resources.filter(({ type, name }) => type === "Microsoft.Web/sites/config" && isSettings(name));
  if (settings === undefined) return ["The template sets no app settings"];
  const set = Object.keys(settings.properties ?? {});
  const known = [...code.settings, ...HOST_SETTINGS];
  const settable = new Set([...set, ...optional]);
  return [
    ...known.filter((name) => !settable.has(name)).map((name) => `${name} is read, but the template cannot set it`),
    ...[...settable].filter((name) => !known.includes(name)).map((name) => `${name} is set, but nothing reads it`),
    ...set.filter((name) => FORBIDDEN_ON_FLEX.test(name)).map((name) => `${name} must not exist on Flex Consumption`),
  ];
}

const isSettings = (name: string | undefined) => name?.endsWith("/appsettings") ?? false;

/** Holds the names of tables, queues and functions against the code. */
export function nameFaults(resources: readonly Resource[], code: Code): string[] {
  const made = (type: string) =>
    resources.filter((resource) => resource.type === type).map(({ name }) => name?.split("/").at(-1) ?? "");
  const [app] = resources.filter(({ type }) => type === "Microsoft.Web/sites");
  const alwaysReady = findAll(app, "alwaysReady").flat() as { name: string }[];
  const asked = resources.filter(({ type }) => type === "Microsoft.Insights/webtests");
  return [
    ...differences("table", made("Microsoft.Storage/storageAccounts/tableServices/tables"), code.tables),
    ...differences(
      "queue",
      made("Microsoft.Storage/storageAccounts/queueServices/queues"),
      code.queues.flatMap((queue) => [queue, `${queue}-poison`]),
    ),
    ...alwaysReady
      .map(({ name }) => name.replace(/^function:/, ""))
      .filter((name) => !["http", ...code.functions].includes(name))
      .map((name) => `alwaysReady names a function "${name}", which does not exist`),
    ...(asked.length > 0 && code.functions.includes("health") ? [] : ["No web test asks the function health"]),
  ];
}

/** What is in one list only. */
export function differences(what: string, inTemplate: readonly string[], inCode: readonly string[]): string[] {
  return [
    ...inCode.filter((name) => !inTemplate.includes(name)).map((name) => `The template makes no ${what} "${name}"`),
    ...inTemplate.filter((name) => !inCode.includes(name)).map((name) => `No code uses the ${what} "${name}"`),
  ];
}

/** Properties that nobody may weaken by the way. */
const HARDENED: readonly (readonly [type: string, property: string, value: unknown])[] = [
  ["Microsoft.Storage/storageAccounts", "allowSharedKeyAccess", false],
  ["Microsoft.Storage/storageAccounts", "allowBlobPublicAccess", false],
  ["Microsoft.Storage/storageAccounts", "supportsHttpsTrafficOnly", true],
  ["Microsoft.Storage/storageAccounts", "minimumTlsVersion", "TLS1_2"],
  ["Microsoft.KeyVault/vaults", "enableRbacAuthorization", true],
  ["Microsoft.KeyVault/vaults", "enableSoftDelete", true],
  ["Microsoft.Web/sites", "httpsOnly", true],
  ["Microsoft.Web/sites", "minTlsVersion", "1.2"],
  ["Microsoft.Web/sites/basicPublishingCredentialsPolicies", "allow", false],
  ["Microsoft.Insights/components", "DisableLocalAuth", true],
];

/**
 * Properties of a site that Flex Consumption does not have. Newer stamps refuse a deployment that sets one, older ones
 * ignore it: https://learn.microsoft.com/azure/azure-functions/functions-app-settings#flex-consumption-plan-deprecations,
 * https://github.com/microsoft/azure-pipelines-tasks/issues/21032
 */
const UNSUPPORTED_ON_FLEX = [
  "alwaysOn",
  "containerSize",
  "ftpsState",
  "isReserved",
  "isXenon",
  "javaVersion",
  "linuxFxVersion",
  "netFrameworkVersion",
  "powerShellVersion",
  "preWarmedInstanceCount",
  "use32BitWorkerProcess",
  "vnetBackupRestoreEnabled",
  "vnetContentShareEnabled",
  "vnetImagePullEnabled",
  "vnetRouteAllEnabled",
  "windowsFxVersion",
];

/** What Flex Consumption may refuse to deploy. */
export function flexFaults(resources: readonly Resource[]): string[] {
  const sites = resources.filter(({ type }) => type === "Microsoft.Web/sites" || type === "Microsoft.Web/sites/config");
  return UNSUPPORTED_ON_FLEX.filter((property) => findAll(sites, property).length > 0).map(
    (property) => `Microsoft.Web/sites: ${property} does not exist on Flex Consumption`,
  );
}

/** What is less safe than it was meant to be. */
export function hardeningFaults(resources: readonly Resource[], production: boolean): string[] {
  const wanted = production
    ? [...HARDENED, ["Microsoft.KeyVault/vaults", "enablePurgeProtection", true] as const]
    : HARDENED;
  const weak = wanted.flatMap(([type, property, value]) => {
    const found = resources.filter((resource) => resource.type === type).flatMap((one) => findAll(one, property));
    if (found.length === 0) return [`${type}: ${property} is not set`];
    return found.filter((one) => !isDeepStrictEqual(one, value)).map((one) => `${type}: ${property} is ${one}`);
  });
  const keys = /\b(listKeys|listSecrets|listAccountSas|listServiceSas)\b/.exec(JSON.stringify(resources));
  return keys === null ? weak : [...weak, `The template reads a key by ${keys[0]}: everything goes by identity`];
}

/** Every value of a property, however deep it lies. */
export function findAll(value: unknown, property: string): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    ...(key === property && !Array.isArray(value) ? [inner] : []),
    ...findAll(inner, property),
  ]);
}
