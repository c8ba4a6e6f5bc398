import type { Api } from "./api.ts";
import { RefusedError } from "./api.ts";
import { UsageError } from "./usage-error.ts";

/** A mailbox as the list of the API shows it. */
export interface ListedMailbox {
  readonly id: string;
  readonly address: string;
  readonly folder: string;
  readonly desk: string;
  readonly access: "owner" | "application";
  readonly status: string;
  readonly pending: number;
  readonly quarantined: number;
  readonly delivered: number;
  readonly refused: number;
  readonly lastMailAt?: string;
  readonly lastFetchAt?: string;
  readonly nextFetchAt?: string;
  readonly token?: { readonly userName: string; readonly goodUntil: string };
  readonly health: { readonly line: string; readonly wrong?: string; readonly mend: string };
}

export async function listMailboxes(api: Api): Promise<readonly ListedMailbox[]> {
  return (await api.get<{ mailboxes: readonly ListedMailbox[] }>("mailboxes")).mailboxes;
}

/**
 * Finds a mailbox by its id, or by its address where that is in the list once.
 * @throws {RefusedError}
 */
export async function findMailbox(api: Api, named: string): Promise<ListedMailbox> {
  const mailboxes = await listMailboxes(api);
  const found = mailboxes.filter(({ id, address }) => id === named || address === named.toLowerCase());
  const [mailbox, another] = found;
  if (mailbox === undefined) throw new RefusedError("MAILBOX_NOT_FOUND", `There is no mailbox ${named} in the list`);
  if (another !== undefined)
    throw new UsageError(
      `${named} is in the list ${found.length} times; say by id which one:\n${found.map(({ id, folder }) => `  ${id}  ${folder}`).join("\n")}`,
    );
  return mailbox;
}

/** The path of one mailbox in the API, without looking it up where an id is given. */
export async function pathOf(api: Api, named: string): Promise<string> {
  const id = /^[0-9a-f]{16}$/.test(named) ? named : (await findMailbox(api, named)).id;
  return `mailboxes/${id}`;
}
