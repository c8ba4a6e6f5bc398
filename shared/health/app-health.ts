import type { MailboxRegistry } from "../mailboxes/mailbox.ts";
import { AppError } from "../platform/errors.ts";
import { errorFields, type Log } from "../telemetry/log.ts";
import type { AppHealth } from "../tokens/access-tokens.ts";

/** While Entra refuses the app, one mailbox in so much time tries again, for all of them; just less than a tick. */
const PROBE_EVERY_MS = 50_000;
/** Two tenants that hear the same within this time are no coincidence. */
const SUSPICION_MS = 24 * 3_600_000;

export interface AppHealthOptions {
  readonly registry: MailboxRegistry;
  /**
   * Tries the application's own credential where no customer's tenant has a say; gives what refuses it. Without it, only a
   * second tenant confirms a suspicion.
   */
  readonly tryCredential?: (() => Promise<AppError | undefined>) | undefined;
  readonly log: Log;
  readonly now: () => Date;
}

/**
 * Law 5: the one alarm of the app, raised when Entra refuses our own registration or credential, cleared when it accepts them
 * again. No mailbox changes by it.
 */
export function createAppHealth({ registry, tryCredential, log, now }: AppHealthOptions): AppHealth {
  /** The alarm is a by-product: a storage that fails here must not cost a token. */
  async function unlessStorageFails(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      log.error("request failed", errorFields(error));
    }
  }

  async function refused(error: AppError): Promise<void> {
    const raised = await registry.raiseAlarm({ code: error.code, message: error.message, since: now() });
    if (raised) log.error("app misconfigured", errorFields(error));
  }

  return {
    async misconfiguration() {
      const alarm = await registry.alarm();
      if (alarm === undefined) return undefined;
      const at = now();
      if (await registry.takeProbe(new Date(at.getTime() - PROBE_EVERY_MS), at)) return undefined;
      return new AppError("APP_MISCONFIGURED", alarm.message);
    },
    refused: (error) => unlessStorageFails(() => refused(error)),
    suspected: (error, tenantId) =>
      unlessStorageFails(async () => {
        const before = await registry.suspect({ tenantId, at: now() });
        const isRecent = before !== undefined && now().getTime() - before.at.getTime() < SUSPICION_MS;
        const isElsewhere = isRecent && before.tenantId !== tenantId;
        if (isElsewhere || (await tryCredential?.()) !== undefined) await refused(error);
      }),
    accepted: () =>
      unlessStorageFails(async () => {
        if ((await registry.alarm()) === undefined) return;
        await registry.clearAlarm();
        log.info("app configured again");
      }),
  };
}
