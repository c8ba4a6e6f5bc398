import { createHash, randomBytes } from "node:crypto";
import { odata } from "@azure/data-tables";
import { etagOf, isNotFound, isPreconditionFailed, type Tables, unlessAbsent } from "../platform/tables-azure.ts";

const PARTITION = "invitation";
/** The owner of a mailbox has this long to follow the link. */
const INVITATION_LIFE_MS = 7 * 24 * 3_600_000;
/** Rows outlive that, so that a late visitor is told what became of the link. */
const INVITATION_KEPT_MS = 90 * 24 * 3_600_000;

interface Invitation {
  /** A hash of the token; the token itself is in the link and stored nowhere. */
  readonly key: string;
  readonly mailboxId: string;
  /** Whether another account than the one before may connect the mailbox. */
  readonly anyAccount: boolean;
  readonly endsAt: Date;
}

/** What a link is good for. */
export type InvitationState =
  | { readonly kind: "open"; readonly invitation: Invitation }
  | { readonly kind: "used" | "expired" | "withdrawn" | "unknown" };

/** Links that let the owner of a mailbox connect it, without any right here. */
export interface Invitations {
  create(wanted: { readonly mailboxId: string; readonly anyAccount: boolean }): Promise<{
    readonly token: string;
    readonly endsAt: Date;
  }>;
  look(token: string): Promise<InvitationState>;
  /** True for the one sign-in, ever, that connects a mailbox by this invitation. */
  use(key: string): Promise<boolean>;
  /** Takes a use back that came to nothing. */
  release(key: string): Promise<void>;
  /** Ends the open invitations of a mailbox that is removed. */
  withdraw(mailboxId: string): Promise<void>;
  purge(): Promise<void>;
}

interface InvitationRow {
  partitionKey: string;
  rowKey: string;
  mailboxId: string;
  anyAccount: boolean;
  endsAt: string;
  state: string;
}

/** Rows in the table Consents, beside those of the sign-ins. */
export function createInvitations({ tables, now }: { tables: Tables; now: () => Date }): Invitations {
  const table = () => tables("Consents");

  async function rows(filter: string): Promise<readonly { rowKey: string }[]> {
    const client = await table();
    const found: { rowKey: string }[] = [];
    const queryOptions = { filter, select: ["rowKey"] };
    for await (const row of client.listEntities<InvitationRow>({ queryOptions })) {
      found.push({ rowKey: String(row.rowKey) });
    }
    return found;
  }

  return {
    async create({ mailboxId, anyAccount }) {
      const token = randomBytes(32).toString("base64url");
      const endsAt = new Date(now().getTime() + INVITATION_LIFE_MS);
      const client = await table();
      await client.createEntity<InvitationRow>({
        partitionKey: PARTITION,
        rowKey: hash(token),
        mailboxId,
        anyAccount,
        endsAt: endsAt.toISOString(),
        state: "open",
      });
      return { token, endsAt };
    },

    async look(token) {
      const key = hash(token);
      const client = await table();
      const row = await unlessAbsent(client.getEntity<InvitationRow>(PARTITION, key));
      if (row === undefined) return { kind: "unknown" };
      if (row.state !== "open") return { kind: row.state === "used" ? "used" : "withdrawn" };
      const endsAt = new Date(row.endsAt);
      if (endsAt <= now()) return { kind: "expired" };
      return { kind: "open", invitation: { key, mailboxId: row.mailboxId, anyAccount: row.anyAccount, endsAt } };
    },

    async use(key) {
      const client = await table();
      const row = await unlessAbsent(client.getEntity<InvitationRow>(PARTITION, key));
      if (row?.state !== "open") return false;
      try {
        const used = { partitionKey: PARTITION, rowKey: key, state: "used" };
        await client.updateEntity(used, "Merge", { etag: etagOf(row) });
        return true;
      } catch (error) {
        if (isPreconditionFailed(error) || isNotFound(error)) return false;
        throw error;
      }
    },

    async release(key) {
      const client = await table();
      const row = await unlessAbsent(client.getEntity<InvitationRow>(PARTITION, key));
      if (row?.state !== "used") return;
      await client.updateEntity({ partitionKey: PARTITION, rowKey: key, state: "open" }, "Merge", {
        etag: etagOf(row),
      });
    },

    async withdraw(mailboxId) {
      const client = await table();
      const open = odata`PartitionKey eq ${PARTITION} and mailboxId eq ${mailboxId} and state eq 'open'`;
      for (const { rowKey } of await rows(open)) {
        const withdrawn = { partitionKey: PARTITION, rowKey, state: "withdrawn" };
        await unlessAbsent(client.updateEntity(withdrawn, "Merge", { etag: "*" }));
      }
    },

    async purge() {
      const client = await table();
      const before = new Date(now().getTime() - INVITATION_KEPT_MS).toISOString();
      const over = odata`PartitionKey eq ${PARTITION} and endsAt lt ${before}`;
      for (const { rowKey } of await rows(over)) await unlessAbsent(client.deleteEntity(PARTITION, rowKey));
    },
  };
}

function hash(token: string): string {
  return createHash("sha256").update(token).digest("base64url");
}
