import { odata } from "@azure/data-tables";
import { etagOf, isNotFound, isPreconditionFailed, type Tables, unlessAbsent } from "../platform/tables-azure.ts";
import type { GrantKind } from "./grant.ts";

const PARTITION = "consent";

/** A sign-in that was started and has not come back yet. */
export interface PendingConsent {
  readonly mailboxId: string;
  /** Who is asked: the owner of the mailbox, or an administrator on behalf of the organisation. */
  readonly kind: GrantKind;
  /** Tenant id that the answer must be from. */
  readonly tenantId: string;
  readonly codeVerifier: string;
  readonly nonce: string;
  /** Whether another account than the one before may connect the mailbox. */
  readonly anyAccount: boolean;
  /** Key of the invitation that the person came by; "" for none. */
  readonly invitation: string;
  readonly startedAt: Date;
}

/** What `take` finds under a state: the consent itself once; afterwards only that it was there. */
type Taken =
  | { readonly kind: "taken"; readonly consent: PendingConsent }
  | { readonly kind: "used-already" }
  | { readonly kind: "unknown" };

export interface PendingConsents {
  /** @param key a hash of the state; the state itself is stored nowhere */
  add(key: string, consent: PendingConsent): Promise<void>;
  /** Sign-ins that were begun by an invitation since then, whatever became of them. */
  countByInvitation(invitation: string, since: Date): Promise<number>;
  /** Gives the consent to exactly one caller, ever. */
  take(key: string): Promise<Taken>;
  /** Removes what was started before this moment; gives how many. */
  purge(before: Date): Promise<number>;
}

interface ConsentRow {
  partitionKey: string;
  rowKey: string;
  mailboxId: string;
  kind: string;
  tenantId: string;
  codeVerifier: string;
  nonce: string;
  anyAccount: boolean;
  invitation: string;
  startedAt: string;
  used: boolean;
}

/**
 * One-time rows in the table Consents. A used row is emptied and stays for a while instead of vanishing, so that the
 * page can tell a reloaded answer from one that was never asked for.
 */
export function createPendingConsents(tables: Tables): PendingConsents {
  const table = () => tables("Consents");

  return {
    async add(key, { startedAt, ...consent }) {
      const client = await table();
      await client.createEntity<ConsentRow>({
        partitionKey: PARTITION,
        rowKey: key,
        ...consent,
        startedAt: startedAt.toISOString(),
        used: false,
      });
    },

    async countByInvitation(invitation, since) {
      const client = await table();
      const filter = odata`PartitionKey eq ${PARTITION} and invitation eq ${invitation} and startedAt ge ${since.toISOString()}`;
      let count = 0;
      for await (const _ of client.listEntities({ queryOptions: { filter, select: ["rowKey"] } })) count += 1;
      return count;
    },

    async take(key) {
      const client = await table();
      const row = await unlessAbsent(client.getEntity<ConsentRow>(PARTITION, key));
      if (row === undefined) return { kind: "unknown" };
      if (row.used) return { kind: "used-already" };
      try {
        const used = { partitionKey: PARTITION, rowKey: key, used: true, codeVerifier: "", nonce: "" };
        await client.updateEntity(used, "Merge", { etag: etagOf(row) });
      } catch (error) {
        if (isPreconditionFailed(error) || isNotFound(error)) return { kind: "used-already" };
        throw error;
      }
      return {
        kind: "taken",
        consent: {
          mailboxId: row.mailboxId,
          kind: row.kind as GrantKind,
          tenantId: row.tenantId,
          codeVerifier: row.codeVerifier,
          nonce: row.nonce,
          anyAccount: row.anyAccount,
          invitation: row.invitation,
          startedAt: new Date(row.startedAt),
        },
      };
    },

    async purge(before) {
      const client = await table();
      const filter = odata`PartitionKey eq ${PARTITION} and startedAt lt ${before.toISOString()}`;
      let removed = 0;
      for await (const row of client.listEntities<ConsentRow>({
        queryOptions: { filter, select: ["partitionKey", "rowKey"] },
      })) {
        await unlessAbsent(client.deleteEntity(PARTITION, String(row.rowKey)));
        removed += 1;
      }
      return removed;
    },
  };
}
