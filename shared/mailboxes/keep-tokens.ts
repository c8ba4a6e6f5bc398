import pLimit from "p-limit";
import { AppError } from "../errors.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import type { MailboxRegistry } from "./mailbox.ts";

/** Renewals side by side: Entra throttles an application that asks too fast. */
const AT_ONCE = 4;

export interface KeepTokensDeps {
  readonly registry: MailboxRegistry;
  readonly grants: () => Promise<
    readonly { readonly mailboxId: string; readonly refused: boolean; readonly refreshTokenSavedAt: Date }[]
  >;
  /** True once the stored refresh token is old enough to be replaced by a newer one. */
  readonly isDue: (savedAt: Date) => boolean;
  readonly renew: (mailboxId: string) => Promise<void>;
  readonly connected: (mailboxId: string) => Promise<void>;
  readonly refused: (mailboxId: string, error: AppError) => Promise<void>;
  readonly log: Log;
}

export interface KeepTokensReport {
  readonly renewed: number;
  readonly failed: number;
}

/**
 * Renews, once a day, every grant whose refresh token is older than a week, paused mailboxes too: a refresh token ends
 * 90 days after it was issued. A mailbox that its organisation blocks is tried as well, and heals without a new consent.
 */
export function createKeepTokens(deps: KeepTokensDeps): () => Promise<KeepTokensReport> {
  const { registry, log } = deps;

  return async function keepTokens() {
    const blocked = new Set(
      (await registry.list()).filter(({ status }) => status === "needs-admin").map(({ id }) => id),
    );
    const due = (await deps.grants()).filter(
      ({ mailboxId, refused, refreshTokenSavedAt }) =>
        !refused && (blocked.has(mailboxId) || deps.isDue(refreshTokenSavedAt)),
    );
    let renewed = 0;
    const atOnce = pLimit(AT_ONCE);
    await Promise.all(due.map(({ mailboxId }) => atOnce(() => keep(mailboxId))));
    const report = { renewed, failed: due.length - renewed };
    log.info("tokens kept", report);
    return report;

    async function keep(mailboxId: string): Promise<void> {
      try {
        await deps.renew(mailboxId);
        renewed += 1;
        if (blocked.has(mailboxId)) await deps.connected(mailboxId);
      } catch (error) {
        log.error("token refresh failed", { mailboxId, ...errorFields(error) });
        if (error instanceof AppError && (error.code === "CONSENT_REQUIRED" || error.code === "ADMIN_REQUIRED")) {
          await deps.refused(mailboxId, error);
        }
      }
    }
  };
}
