import type { Activity } from "../activity/activity.ts";
import { AppError } from "../platform/errors.ts";
import type { Log } from "../telemetry/log.ts";
import { refusalCodeOf } from "../tokens/entra-errors.ts";
import {
  type Mailbox,
  type MailboxChanges,
  MailboxNotFoundError,
  type MailboxRegistry,
  mailboxId,
  type StoredMailbox,
} from "./mailbox.ts";
import type { NewMailbox } from "./new-mailbox.ts";
import { updateLatest } from "./update-latest.ts";

export interface ChangeMailboxDeps {
  readonly registry: MailboxRegistry;
  /** Names of the desks in the configuration. */
  readonly deskNames: readonly string[];
  /** Lets the next run try a desk that was left alone. */
  readonly tryDeskNow: (desk: string) => Promise<void>;
  /** Hands a mailbox to the queue, unless it is there already or is not connected. It does not throw. */
  readonly queueFetch: (mailboxId: string) => Promise<unknown>;
  /** Forgets where discovery stands in the mailbox, not what was delivered. */
  readonly forgetCheckpoint: (mailboxId: string) => Promise<void>;
  readonly removeGrant: (mailboxId: string) => Promise<void>;
  readonly activity: Pick<Activity, "note" | "forget">;
  readonly log: Log;
  readonly now: () => Date;
}

/** Everything that changes a mailbox's entry in the list, apart from the report of a run. */
export interface ChangeMailbox {
  /** @throws {AppError} MAILBOX_EXISTS, INPUT_INVALID */
  add(wanted: NewMailbox): Promise<StoredMailbox>;
  pause(id: string): Promise<void>;
  resume(id: string): Promise<void>;
  /** Has the mailbox fetched now, and lets its desk be tried again. False where it is not connected. */
  fetchNow(id: string): Promise<boolean>;
  /** Lets the mailbox deliver from an earlier moment on; it is fetched now. */
  deliverFrom(id: string, since: Date): Promise<void>;
  /** Forgets grant and mailbox. The ledger stays, so that adding it again doubles nothing. */
  remove(id: string): Promise<void>;
  /**
   * After a consent: the mailbox is fetched now.
   * @param by the account that gave it
   */
  connected(id: string, by?: string): Promise<void>;
  /** After Entra's final no. */
  refused(id: string, error: AppError): Promise<void>;
}

export function createChangeMailbox(deps: ChangeMailboxDeps): ChangeMailbox {
  const { registry, activity, log, now } = deps;

  /** True where something was changed. */
  async function change(id: string, changes: (mailbox: StoredMailbox) => MailboxChanges | undefined): Promise<boolean> {
    const outcome = await updateLatest(registry, id, changes);
    if (outcome === "absent") throw new MailboxNotFoundError(id);
    return outcome === "updated";
  }

  return {
    async add({ address, folder, desk, deliverFrom, acknowledge, access }) {
      if (!deps.deskNames.includes(desk)) {
        throw new AppError(
          "INPUT_INVALID",
          `There is no desk "${desk}"; the setting DESKS names: ${deps.deskNames.join(", ")}`,
        );
      }
      const mailbox: Mailbox = {
        id: mailboxId(address, folder),
        address,
        folder,
        desk,
        acknowledge,
        access,
        deliverFrom,
        status: "new",
        statusBeforePause: undefined,
        nextFetchAt: now(),
        throttledUntil: undefined,
        queuedUntil: undefined,
        lastFetchAt: undefined,
        lastSuccessAt: undefined,
        lastError: undefined,
        failures: 0,
        lastMailAt: undefined,
        lastRun: "",
        graphRequests: [],
        delivered: 0,
        refused: 0,
      };
      const added = await registry.add(mailbox);
      log.info("mailbox added", { mailboxId: added.id, desk });
      await activity.note(added.id, { kind: "added" });
      return added;
    },

    async pause(id) {
      const paused = await change(id, ({ status }) =>
        status === "paused" ? undefined : { status: "paused", statusBeforePause: status },
      );
      if (!paused) return;
      log.info("mailbox paused", { mailboxId: id });
      await activity.note(id, { kind: "paused" });
    },

    async resume(id) {
      const resumed = await change(id, ({ status, statusBeforePause }) =>
        status === "paused"
          ? { status: statusBeforePause ?? "new", statusBeforePause: undefined, nextFetchAt: now(), failures: 0 }
          : undefined,
      );
      if (!resumed) return;
      log.info("mailbox resumed", { mailboxId: id });
      await activity.note(id, { kind: "resumed" });
    },

    async fetchNow(id) {
      const mailbox = await registry.get(id);
      if (mailbox !== undefined) await deps.tryDeskNow(mailbox.desk);
      const isConnected = await change(id, ({ status }) =>
        status === "connected" ? { nextFetchAt: now(), throttledUntil: undefined, failures: 0 } : undefined,
      );
      if (isConnected) await deps.queueFetch(id);
      return isConnected;
    },

    async deliverFrom(id, since) {
      const changed = await change(id, ({ deliverFrom }) =>
        deliverFrom !== undefined && since < deliverFrom ? { deliverFrom: since, nextFetchAt: now() } : undefined,
      );
      if (!changed) return;
      log.info("import started", { mailboxId: id, since });
      await deps.queueFetch(id);
    },

    async remove(id) {
      if ((await registry.get(id)) === undefined) throw new MailboxNotFoundError(id);
      // The list last: what breaks off in between can be done again.
      await deps.removeGrant(id);
      await deps.forgetCheckpoint(id);
      await activity.forget(id);
      await registry.remove(id);
      log.info("mailbox removed", { mailboxId: id });
    },

    async connected(id, by) {
      await change(id, ({ status, deliverFrom }) => ({
        ...(status === "paused" ? { statusBeforePause: "connected" } : { status: "connected" }),
        // Graph gives whole seconds: a message of this very second must not fall before the moment.
        deliverFrom: deliverFrom ?? new Date(Math.floor(now().getTime() / 1_000) * 1_000),
        nextFetchAt: now(),
        throttledUntil: undefined,
        failures: 0,
        lastError: undefined,
      }));
      log.info("mailbox connected", { mailboxId: id });
      await activity.note(id, { kind: "connected", by: by || undefined });
      await deps.queueFetch(id);
    },

    async refused(id, error) {
      const refusal = error.code === "ADMIN_REQUIRED" ? "needs-admin" : "needs-owner";
      const changed = await change(id, ({ status, statusBeforePause }) => {
        if ((status === "paused" ? statusBeforePause : status) === refusal) return undefined;
        const lastError = { code: error.code, message: error.message, at: now() };
        return status === "paused" ? { statusBeforePause: refusal, lastError } : { status: refusal, lastError };
      });
      if (changed) {
        log.error(refusal === "needs-admin" ? "mailbox needs an administrator" : "mailbox needs its owner", {
          mailboxId: id,
          code: error.code,
          message: error.message,
        });
        await activity.note(id, { kind: refusal, code: refusalCodeOf(error) });
      }
    },
  };
}
