import { odata } from "@azure/data-tables";
import type { Secrets } from "../platform/key-vault-azure.ts";
import { etagOf, orRowChanged, type Tables, unlessAbsent } from "../platform/tables-azure.ts";
import type { Grant, GrantChanges, GrantKind, GrantStore, StoredGrant } from "./grant.ts";

/** All grants in one partition: there is one row per mailbox. */
const PARTITION = "grant";

/** A row of the table Grants. Times are ISO 8601 in UTC; "" stands for no value, because a merge cannot remove one. */
interface GrantRow {
  partitionKey: string;
  rowKey: string;
  kind: string;
  generation: string;
  tenantId: string;
  objectId: string;
  userName: string;
  scopes: string;
  secretName: string;
  secretVersion: string;
  secretVersionBefore: string;
  secretVersions: number;
  refreshTokenSavedAt: string;
  accessToken: string;
  expiresAt: string;
  refreshAt: string;
  failures: number;
  nextAttemptAt: string;
  claims: string;
  refused: boolean;
  leaseUntil: string;
}

/** Keeps grants in Table Storage and Key Vault. */
export function createGrantStore({ tables, secrets }: { tables: Tables; secrets: Secrets }): GrantStore {
  const table = () => tables("Grants");

  async function read(mailboxId: string): Promise<StoredGrant | undefined> {
    const client = await table();
    const row = await unlessAbsent(client.getEntity<GrantRow>(PARTITION, mailboxId));
    return row && fromRow(row);
  }

  return {
    read,

    async list() {
      const client = await table();
      const grants: StoredGrant[] = [];
      for await (const row of client.listEntities<GrantRow>({
        queryOptions: { filter: odata`PartitionKey eq ${PARTITION}` },
      })) {
        grants.push(fromRow(row));
      }
      return grants;
    },

    async saveRefreshToken(secretName, refreshToken, endsAt) {
      if (refreshToken === "") throw new Error(`An empty refresh token must not take the place of ${secretName}`);
      const version = await secrets.write(secretName, refreshToken, {
        contentType: "application/vnd.deskpost.refresh-token",
        expiresOn: endsAt,
      });
      return version;
    },

    refreshToken: (secretName, version) => secrets.read(secretName, version),

    async replace(grant) {
      const client = await table();
      const { etag } = await client.upsertEntity(toRow(grant), "Replace");
      return { ...grant, etag: etagOf({ etag }) };
    },

    async update(grant, changes) {
      const client = await table();
      const row = { partitionKey: PARTITION, rowKey: grant.mailboxId, ...toColumns(changes) };
      const { etag } = await orRowChanged(
        `The grant of mailbox ${grant.mailboxId}`,
        client.updateEntity(row, "Merge", { etag: grant.etag }),
      );
      return { ...grant, ...changes, etag: etagOf({ etag }) };
    },

    disableRefreshToken: (secretName, version) => secrets.disable(secretName, version),

    forgetRefreshToken: (secretName) => secrets.remove(secretName),

    async remove(mailboxId) {
      const grant = await read(mailboxId);
      if (grant === undefined) return;
      const client = await table();
      if (grant.secretName !== "") await secrets.remove(grant.secretName);
      // Whatever a refresh wrote meanwhile goes as well.
      await unlessAbsent(client.deleteEntity(PARTITION, mailboxId));
    },
  };
}

function toColumns(changes: GrantChanges): Partial<GrantRow> {
  const columns: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) columns[name] = "";
    else if (value instanceof Date) columns[name] = value.toISOString();
    else if (Array.isArray(value)) columns[name] = value.join(" ");
    else columns[name] = value as string | number | boolean;
  }
  return columns as Partial<GrantRow>;
}

function toRow({ mailboxId, ...grant }: Grant): GrantRow {
  return {
    partitionKey: PARTITION,
    rowKey: mailboxId,
    ...(toColumns(grant) as Omit<GrantRow, "partitionKey" | "rowKey">),
    generation: grant.generation,
  };
}

function fromRow(row: GrantRow & { etag?: string }): StoredGrant {
  const time = (text: string) => (text === "" ? undefined : new Date(text));
  return {
    mailboxId: row.rowKey,
    kind: row.kind as GrantKind,
    generation: row.generation,
    tenantId: row.tenantId,
    objectId: row.objectId,
    userName: row.userName,
    scopes: row.scopes.split(" "),
    secretName: row.secretName,
    secretVersion: row.secretVersion,
    secretVersionBefore: row.secretVersionBefore,
    secretVersions: row.secretVersions,
    refreshTokenSavedAt: new Date(row.refreshTokenSavedAt),
    accessToken: row.accessToken || undefined,
    expiresAt: new Date(row.expiresAt),
    refreshAt: new Date(row.refreshAt),
    failures: row.failures,
    nextAttemptAt: time(row.nextAttemptAt),
    claims: row.claims || undefined,
    refused: row.refused,
    leaseUntil: time(row.leaseUntil),
    etag: etagOf(row),
  };
}
