import { RowChangedError } from "../platform/errors.ts";
import type { MailboxChanges, MailboxRegistry, StoredMailbox } from "./mailbox.ts";

/** Somebody may be faster this often in a row before it counts as a fault. */
const ATTEMPTS = 5;

/**
 * Changes a mailbox as it is stored now: reads and writes again where somebody was faster, so that neither change is lost.
 * @param changes what to write, given the newest state; `undefined` leaves the mailbox as it is
 * @param known the mailbox as it was read before: where it has not changed since, it need not be read again
 * @throws {RowChangedError} where somebody is faster every time
 */
export async function updateLatest(
  registry: MailboxRegistry,
  id: string,
  changes: (latest: StoredMailbox) => MailboxChanges | undefined,
  known?: StoredMailbox,
): Promise<"updated" | "unchanged" | "absent"> {
  for (let attempt = 1; ; attempt += 1) {
    const latest = attempt === 1 && known !== undefined ? known : await registry.get(id);
    if (latest === undefined) return "absent";
    const wanted = changes(latest);
    if (wanted === undefined) return "unchanged";
    try {
      await registry.update(latest, wanted);
      return "updated";
    } catch (error) {
      if (!(error instanceof RowChangedError) || attempt === ATTEMPTS) throw error;
    }
  }
}
