import type { Resource } from "./bicep.ts";

/**
 * The data actions of the built-in roles in use, and of those that are nearly enough:
 * https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage
 */
const ROLES: Readonly<Record<string, { readonly name: string; readonly actions: readonly string[] }>> = {
  "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": { name: "Storage Blob Data Owner", actions: ["blobs/*"] },
  "974c5e8b-45b9-4653-ba55-5f855dd0fb88": {
    name: "Storage Queue Data Contributor",
    actions: ["queues/*", "messages/read", "messages/write", "messages/delete", "messages/process"],
  },
  "19e7f393-937e-4f77-808e-94535e297925": {
    name: "Storage Queue Data Reader",
    actions: ["queues/read", "messages/read"],
  },
  "8a0f0c08-91a1-4084-bc3d-661d67233fed": {
    name: "Storage Queue Data Message Processor",
    actions: ["messages/read", "messages/process"],
  },
  "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a": { name: "Storage Queue Data Message Sender", actions: ["messages/add"] },
  "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": {
    name: "Storage Table Data Contributor",
    actions: ["tables/*", "entities/*"],
  },
  "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": { name: "Key Vault Secrets Officer", actions: ["secrets/*"] },
  "3913510d-42f4-4e42-8a64-420c390055eb": { name: "Monitoring Metrics Publisher", actions: ["telemetry/write"] },
};

/** What the host or the app does with the identity. Any one of the actions is enough for it. */
interface Need {
  readonly caller: string;
  readonly does: string;
  readonly anyOf: readonly string[];
  /** The kind of resource that it is done to; what is granted on a parent counts. */
  readonly on: "blobs" | "queue" | "table" | "vault" | "telemetry";
  readonly source: string;
}

const HOST_STORAGE =
  "https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity";
const QUEUE_ACTIONS = "https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory";

const NEEDS: readonly Need[] = [
  {
    caller: "host",
    does: "locks timers, keeps their status, reads the package",
    anyOf: ["blobs/write"],
    on: "blobs",
    source: HOST_STORAGE,
  },
  { caller: "host", does: "writes diagnostic events", anyOf: ["entities/write"], on: "table", source: HOST_STORAGE },
  {
    caller: "host",
    does: "asks how long a queue is, to scale",
    anyOf: ["queues/read"],
    on: "queue",
    source: QUEUE_ACTIONS,
  },
  { caller: "host", does: "takes messages", anyOf: ["messages/process"], on: "queue", source: QUEUE_ACTIONS },
  {
    caller: "host",
    does: "returns a failed message, and renews one in work after five minutes",
    anyOf: ["messages/write"],
    on: "queue",
    source: "https://github.com/MicrosoftDocs/azure-docs/issues/120932",
  },
  {
    caller: "host",
    does: "deletes messages that are done",
    anyOf: ["messages/delete", "messages/process"],
    on: "queue",
    source: QUEUE_ACTIONS,
  },
  {
    caller: "host",
    does: "looks for the poison queue, and would make it",
    anyOf: ["queues/write"],
    on: "queue",
    source: QUEUE_ACTIONS,
  },
  {
    caller: "shared/scheduling/fetch-queue-azure.ts",
    does: "puts mailboxes on the queue, as the host puts poison on the other",
    anyOf: ["messages/add", "messages/write"],
    on: "queue",
    source: QUEUE_ACTIONS,
  },
  {
    caller: "shared/platform/tables-azure.ts",
    does: "reads, writes and deletes rows",
    anyOf: ["entities/write"],
    on: "table",
    source: "https://learn.microsoft.com/azure/storage/tables/authorize-access-azure-active-directory",
  },
  {
    caller: "shared/platform/key-vault-azure.ts",
    does: "writes, disables and deletes refresh tokens",
    anyOf: ["secrets/setSecret"],
    on: "vault",
    source: "https://learn.microsoft.com/azure/key-vault/general/rbac-guide",
  },
  {
    caller: "host and shared/telemetry",
    does: "sends telemetry without a key",
    anyOf: ["telemetry/write"],
    on: "telemetry",
    source: "https://learn.microsoft.com/azure/azure-monitor/app/azure-ad-authentication",
  },
];

const SCOPES: Readonly<Record<Need["on"], RegExp>> = {
  blobs: /\/storageAccounts\/[^/]+$/,
  queue: /\/storageAccounts\/[^/]+(\/queueServices\/default\/queues\/[^/]+)?$/,
  table: /\/storageAccounts\/[^/]+$/,
  vault: /\/vaults\/[^/]+$/,
  telemetry: /\/Microsoft\.Insights\/components\/[^/]+$/,
};

interface Grant {
  readonly role: string;
  readonly scope: string;
}

/**
 * Holds the roles that the template grants against what is done with them: each need is met, on each queue; and no role
 * is granted that nothing needs, or wider than it is needed.
 */
export function roleFaults(resources: readonly Resource[], queues: readonly string[]): string[] {
  const grants = resources.filter(({ type }) => type === "Microsoft.Authorization/roleAssignments").map(readGrant);
  const missing = NEEDS.flatMap((need) =>
    (need.on === "queue" ? queues : [""])
      .filter((queue) => !grants.some((grant) => meets(grant, need, queue)))
      .map(
        (queue) =>
          `No role lets ${need.caller} do this${queue && ` on the queue "${queue}"`}: ${need.does} (${need.anyOf.join(" or ")}; ${need.source})`,
      ),
  );
  return [
    ...missing,
    ...grants
      .filter((grant) => !NEEDS.some((need) => meets(grant, need)))
      .map(({ role, scope }) => `The role ${ROLES[role]?.name ?? role} is granted on ${scope}, but nothing needs it`),
    ...grants
      .filter(({ role, scope }) => /Queue/.test(ROLES[role]?.name ?? "") && !/\/queues\//.test(scope))
      .map(({ role }) => `${ROLES[role]?.name} is granted on the whole account: the app has its own queues only`),
  ];
}

function readGrant({ id, properties }: Resource): Grant {
  const [, scope = ""] = /extensionResourceId\('([^']+)'/.exec(String(id)) ?? [];
  return { role: String(properties?.roleDefinitionId).split("/").at(-1) ?? "", scope };
}

function meets({ role, scope }: Grant, { anyOf, on }: Need, queue = ""): boolean {
  if (!SCOPES[on].test(scope)) return false;
  if (queue !== "" && scope.includes("/queues/") && !scope.endsWith(`/queues/${queue}`)) return false;
  return (ROLES[role]?.actions ?? []).some((granted) =>
    anyOf.some((action) => (granted.endsWith("/*") ? action.startsWith(granted.slice(0, -1)) : action === granted)),
  );
}
