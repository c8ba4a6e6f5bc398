import type { ChangeMailbox } from "../mailboxes/change-mailbox.ts";
import type { AppError } from "../platform/errors.ts";
import { GrantRefusedError } from "../tokens/access-tokens.ts";
import type { GrantStore } from "../tokens/grant.ts";

export interface GrantRefusedDeps {
  readonly grants: Pick<GrantStore, "read">;
  readonly changeMailbox: Pick<ChangeMailbox, "refused">;
}

/** Marks a mailbox as refused. A refusal of a consent that has been replaced meanwhile concerns nobody. */
export function createGrantRefused({ grants, changeMailbox }: GrantRefusedDeps) {
  return async (mailboxId: string, error: AppError): Promise<void> => {
    const current = await grants.read(mailboxId);
    if (error instanceof GrantRefusedError && current?.generation !== error.generation) return;
    await changeMailbox.refused(mailboxId, error);
  };
}
