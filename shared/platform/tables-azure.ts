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
        `The table ${name} cannot be opened: check the setting AzureWebJobsStorage (or AzureWebJobsStorage__tableServiceUri), and that the app's managed identity has the role "Storage Table Data Contributor" there; the next run tries again`,
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
