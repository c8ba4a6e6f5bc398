import pLimit from "p-limit";
import { WARN_BEFORE_END_MS } from "../health/thresholds.ts";
import type { MailboxRegistry, MailboxStatus } from "../mailboxes/mailbox.ts";
import { AppError } from "../platform/errors.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import { REFRESH_TOKEN_LIFE_MS } from "../tokens/expiry.ts";
import type { Grant } from "../tokens/grant.ts";

/** Renewals side by side: Entra throttles an application that asks too fast. */
const AT_ONCE = 4;

/** States in which nothing is fetched although the grant may be good. */
const CUT_OFF: ReadonlySet<MailboxStatus | undefined> = new Set(["new", "needs-owner", "needs-admin"]);

type RenewableGrant = Pick<Grant, "mailboxId" | "kind" | "refused" | "refreshTokenSavedAt">;

export interface RenewGrantsDeps {
  readonly registry: MailboxRegistry;
  readonly grants: () => Promise<readonly RenewableGrant[]>;
  /** True once the stored refresh token is old enough to be replaced by a newer one. */
  readonly isDue: (savedAt: Date) => boolean;
  readonly renew: (mailboxId: string) => Promise<void>;
  /** Forgets a grant whose mailbox is gone. */
  readonly removeGrant: (mailboxId: string) => Promise<void>;
  readonly connected: (mailboxId: string) => Promise<void>;
  readonly refused: (mailboxId: string, error: AppError) => Promise<void>;
  /** When the application's own credential ends, if it does and that is known. */
  readonly credentialEnd: () => Promise<Date | undefined>;
  readonly log: Log;
  readonly now: () => Date;
}

export interface RenewGrantsReport {
  readonly renewed: number;
  readonly failed: number;
  /** Grants that end within 30 days unless somebody removes what keeps them from being renewed. */
  readonly endingSoon: number;
  /** Set where the application's own credential ends within 30 days, or has ended. */
  readonly credentialEndsAt?: Date;
}

/**
 * Renews, once a day, every grant whose refresh token is older than a week, paused mailboxes too: a refresh token ends
 * 90 days after it was issued. A mailbox that its organisation blocks is tried as well, and heals without a new consent.
 */
export function createRenewGrants(deps: RenewGrantsDeps): () => Promise<RenewGrantsReport> {
  const { registry, log, now } = deps;

  return async function renewGrants() {
    // Grants first: one whose mailbox is added in between must not look like an orphan.
    const grants = await deps.grants();
    const statuses = new Map((await registry.list()).map(({ id, status }) => [id, status]));
    // A block that was lifted heals this way, and so does a report that came after a newer consent.
    const isBlocked = (mailboxId: string) => CUT_OFF.has(statuses.get(mailboxId));
    const orphans = grants.filter(({ mailboxId }) => !statuses.has(mailboxId));
    const due = grants.filter(
      ({ mailboxId, kind, refused, refreshTokenSavedAt }) =>
        statuses.has(mailboxId) &&
        !refused &&
        (isBlocked(mailboxId) || (kind === "owner" && deps.isDue(refreshTokenSavedAt))),
    );

    const atOnce = pLimit(AT_ONCE);
    const kept = await Promise.all(due.map(({ mailboxId }) => atOnce(() => keep(mailboxId, isBlocked(mailboxId)))));
    await Promise.all(orphans.map(({ mailboxId }) => atOnce(() => removeOrphan(mailboxId))));
    const renewed = kept.filter((isRenewed) => isRenewed).length;
    const living = (await deps.grants()).filter(({ refused }) => !refused);
    const endingSoon = living.filter(warnIfEnding).length;
    const credentialEnd = await warnIfCredentialEnds();
    const credentialEndsAt = credentialEnd !== undefined && isSoon(credentialEnd) ? credentialEnd : undefined;
    const report = {
      renewed,
      failed: due.length - renewed,
      endingSoon,
      ...(credentialEndsAt && { credentialEndsAt }),
    };
    const firstEnd = Math.min(...living.filter(({ kind }) => kind === "owner").map((grant) => endOf(grant).getTime()));
    log.info("tokens kept", {
      ...report,
      grantRemainingSeconds: Number.isFinite(firstEnd) ? secondsTo(new Date(firstEnd)) : undefined,
      credentialRemainingSeconds: credentialEnd && secondsTo(credentialEnd),
    });
    return report;
  };

  /** A grant that nothing has renewed for two months: whatever keeps it from being renewed, a month is left to fix it. */
  function warnIfEnding(grant: RenewableGrant): boolean {
    const endsAt = endOf(grant);
    if (grant.kind === "application" || !isSoon(endsAt)) return false;
    log.error("grant ends soon", { mailboxId: grant.mailboxId, endsAt, remainingSeconds: secondsTo(endsAt) });
    return true;
  }

  /** Never throws: what was kept is kept. Once the credential ends no mailbox can be renewed any more. */
  async function warnIfCredentialEnds(): Promise<Date | undefined> {
    try {
      const endsAt = await deps.credentialEnd();
      if (endsAt !== undefined && isSoon(endsAt)) log.error("credential ends soon", { endsAt });
      return endsAt;
    } catch (error) {
      log.warn("credential end not read", errorFields(error));
      return undefined;
    }
  }

  function endOf({ refreshTokenSavedAt }: RenewableGrant): Date {
    return new Date(refreshTokenSavedAt.getTime() + REFRESH_TOKEN_LIFE_MS);
  }

  function secondsTo(end: Date): number {
    return Math.round((end.getTime() - now().getTime()) / 1_000);
  }

  function isSoon(end: Date): boolean {
    return end.getTime() - now().getTime() <= WARN_BEFORE_END_MS;
  }

  /** Law 6: never throws; one mailbox must not keep the others from being renewed. */
  async function keep(mailboxId: string, isBlocked: boolean): Promise<boolean> {
    try {
      await deps.renew(mailboxId);
      if (isBlocked) await deps.connected(mailboxId);
      return true;
    } catch (error) {
      log.error("grant not renewed", { mailboxId, ...errorFields(error) });
      if (error instanceof AppError && (error.code === "CONSENT_REQUIRED" || error.code === "ADMIN_REQUIRED")) {
        await reportRefusal(mailboxId, error);
      }
      return false;
    }
  }

  async function reportRefusal(mailboxId: string, refusal: AppError): Promise<void> {
    try {
      await deps.refused(mailboxId, refusal);
    } catch (error) {
      log.error("grant not renewed", { mailboxId, ...errorFields(error) });
    }
  }

  async function removeOrphan(mailboxId: string): Promise<void> {
    try {
      await deps.removeGrant(mailboxId);
      log.warn("orphaned grant removed", { mailboxId });
    } catch (error) {
      log.error("grant not renewed", { mailboxId, ...errorFields(error) });
    }
  }
}
