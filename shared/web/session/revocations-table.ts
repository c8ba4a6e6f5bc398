import { odata } from "@azure/data-tables";
import { isConflict, type Tables, unlessAbsent } from "../../platform/tables-azure.ts";

const PARTITION = "revocation";

/** Sessions and sign-ins that are over before their time: what a browser holds sealed cannot be taken back from it. */
export interface Revocations {
  /**
   * @param id hash or random token; nothing that a secret could be read from
   * @param until from then on it would be over anyway
   * @returns false where it was revoked before
   */
  revoke(id: string, until: Date): Promise<boolean>;
  isRevoked(id: string): Promise<boolean>;
  /** Removes those that would be over anyway; gives how many. */
  purge(): Promise<number>;
}

interface RevocationRow {
  partitionKey: string;
  rowKey: string;
  until: string;
}

/** Rows of the table Consents. */
export function createRevocations({ tables, now }: { readonly tables: Tables; readonly now: () => Date }): Revocations {
  const table = () => tables("Consents");

  return {
    async revoke(id, until) {
      const client = await table();
      try {
        await client.createEntity<RevocationRow>({
          partitionKey: PARTITION,
          rowKey: id,
          until: until.toISOString(),
        });
        return true;
      } catch (error) {
        if (isConflict(error)) return false;
        throw error;
      }
    },

    async isRevoked(id) {
      const client = await table();
      return (await unlessAbsent(client.getEntity<RevocationRow>(PARTITION, id))) !== undefined;
    },

    async purge() {
      const client = await table();
      const filter = odata`PartitionKey eq ${PARTITION} and until lt ${now().toISOString()}`;
      let removed = 0;
      for await (const { rowKey } of client.listEntities<RevocationRow>({ queryOptions: { filter } })) {
        await unlessAbsent(client.deleteEntity(PARTITION, rowKey));
        removed += 1;
      }
      return removed;
    },
  };
}
