import { TableClient, type TableServiceClientOptions } from "@azure/data-tables";
import type { TokenCredential } from "@azure/identity";
import { AppError, RowChangedError } from "./errors.ts";
import { attemptTimeout } from "./sdk-timeout-azure.ts";

/** One attempt at storage may take this long; the SDK tries up to four times. */
const STORAGE_TIMEOUT_MS = 15_000;

export const TABLE_NAMES = ["Mailboxes", "Grants", "Ledger", "Consents", "Activity"] as const;
type TableName = (typeof TABLE_NAMES)[number];

/** What Deskpost asks of a table: the methods of the client that it calls. */
export type Table = Pick<
  TableClient,
  "createEntity" | "deleteEntity" | "getEntity" | "listEntities" | "submitTransaction" | "updateEntity" | "upsertEntity"
>;

/** Gives a table; makes it where it does not exist yet. */
export type Tables = (name: TableName) => Promise<Table>;

export interface TablesOptions {
  readonly storage: { readonly connectionString: string } | { readonly tableServiceUri: string };
  /** Needed with `tableServiceUri`. */
  readonly credential: TokenCredential;
}

/** Clients for Deskpost's tables, one per process and table. */
export function createTables({ storage, credential }: TablesOptions): Tables {
  const clients = new Map<TableName, Promise<TableClient>>();
  const options: TableServiceClientOptions = {
    // Azurite and other emulators speak plain http on loopback; an Azure endpoint is https whatever this says.
    allowInsecureConnection: "connectionString" in storage,
    additionalPolicies: attemptTimeout(STORAGE_TIMEOUT_MS),
  };

  async function open(name: TableName): Promise<TableClient> {
    const client =
      "connectionString" in storage
        ? TableClient.fromConnectionString(storage.connectionString, name, options)
        : new TableClient(storage.tableServiceUri, name, credential, options);
    try {
      await client.createTable();
    } catch (error) {
      throw new AppError(
        "STORAGE_UNAVAILABLE",
        `The table ${name} cannot be opened: ${storageRemedy(error, "table")}`,
        { cause: error },
      );
    }
    return client;
  }

  return (name) => {
    let client = clients.get(name);
    if (client === undefined) {
      client = open(name);
      // A failure is not kept: the next run tries again.
      client.catch(() => clients.delete(name));
      clients.set(name, client);
    }
    return client;
  };
}

const ROLE_OF = { table: "Storage Table Data Contributor", queue: "Storage Queue Data Contributor" } as const;

/**
 * What helps where storage does not do what it is asked, by its code: one status has many causes.
 * https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
 */
export function storageRemedy(error: unknown, service: keyof typeof ROLE_OF): string {
  const setting = `AzureWebJobsStorage (or AzureWebJobsStorage__${service}ServiceUri)`;
  switch (storageCodeOf(error)) {
    case "AuthorizationFailure":
    case "NetworkAclsValidationFailure":
    case "PublicAccessNotPermitted":
      return "the storage account does not let the app's network in; its firewall or its private endpoint is the cause, not a role: allow the app's subnet in the account, Networking, or connect the app to the network of its private endpoint; a change takes a few minutes to work";
    case "AuthorizationPermissionMismatch":
    case "InsufficientAccountPermissions":
      return `the app's managed identity lacks the role "${ROLE_OF[service]}" on the storage account; a new role takes up to ten minutes to work`;
    case "KeyBasedAuthenticationNotPermitted":
      return `the storage account takes no keys: use the app's managed identity (AzureWebJobsStorage__${service}ServiceUri) instead of a connection string`;
    case "AuthenticationFailed":
    case "InvalidAuthenticationInfo":
      return `the storage account does not know who asks: check the key in the setting ${setting}, or that the managed identity belongs to the account's tenant`;
    case "AccountIsDisabled":
      return "the storage account is disabled: look in the Azure portal whether its subscription is in order";
    case "ServerBusy":
    case "OperationTimedOut":
    case "TooManyRequests":
      return "storage asks for fewer requests; give Deskpost a storage account of its own if this lasts";
  }
  return `check the setting ${setting}, the network rules of the account, and that the app's managed identity has the role "${ROLE_OF[service]}" there`;
}

/** Tables and queues put their code into different places. */
function storageCodeOf(error: unknown): unknown {
  const { code, details } = (error ?? {}) as {
    code?: unknown;
    details?: { errorCode?: unknown; code?: unknown; odataError?: { code?: unknown } };
  };
  return details?.odataError?.code ?? details?.errorCode ?? details?.code ?? code;
}

function statusOf(error: unknown): number | undefined {
  const { statusCode } = (error ?? {}) as { statusCode?: unknown };
  return typeof statusCode === "number" ? statusCode : undefined;
}

/**
 * False for a text that no row has as its key. To ask for it is an error of storage, and no absence.
 * https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model#characters-disallowed-in-key-fields
 */
export function canBeKey(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.length <= 512 && !/[%/\\#?\u0000-\u001f\u007f-\u009f]/.test(text);
}

/** The row, table or secret does not exist. Nothing else counts as absence: a refusal or an outage must throw. */
export function isNotFound(error: unknown): boolean {
  return statusOf(error) === 404;
}

/** The row to be created exists already. */
export function isConflict(error: unknown): boolean {
  return statusOf(error) === 409;
}

/** The ETag that the write depended on is no longer the row's. */
export function isPreconditionFailed(error: unknown): boolean {
  return statusOf(error) === 412;
}

/** Somebody else was faster with a row: it exists already, was changed, or is gone. */
export function isLostRace(error: unknown): boolean {
  return isConflict(error) || isPreconditionFailed(error) || isNotFound(error);
}

/** Gives what the promise gives; `undefined` where it fails because the thing does not exist. */
export async function unlessAbsent<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Turns a lost race (412, or 404 for a row that was removed) into a `RowChangedError`. */
export async function orRowChanged<T>(what: string, promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    if (isPreconditionFailed(error) || isNotFound(error)) throw new RowChangedError(what, { cause: error });
    throw error;
  }
}

/** The ETag of an answer. The SDK takes a missing one for "*", any version, so it must never be missing. */
export function etagOf(row: { etag?: string | undefined }): string {
  if (!row.etag) throw new Error("Table Storage gave no ETag");
  return row.etag;
}

/** https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions */
const ROWS_PER_TRANSACTION = 100;

/** Deletes rows of one partition. Should it break off, those before are deleted. */
export async function deleteRows(client: Table, partitionKey: string, rowKeys: readonly string[]): Promise<void> {
  for (let start = 0; start < rowKeys.length; start += ROWS_PER_TRANSACTION) {
    const some = rowKeys.slice(start, start + ROWS_PER_TRANSACTION);
    await client.submitTransaction(some.map((rowKey) => ["delete", { partitionKey, rowKey }]));
  }
}
