import {
  existingMailbox,
  MailboxNotFoundError,
  type MailboxRegistry,
  type StoredMailbox,
} from "../../mailboxes/mailbox.ts";
import { withTimeout } from "../../platform/with-timeout.ts";
import { type AppCheckDeps, appChecks } from "./app-checks.ts";
import { type MailboxCheckDeps, mailboxChecks } from "./mailbox-checks.ts";
import { type CheckStep, runChecks } from "./run-checks.ts";

/** Longer than this the mailbox's own row must not take; all checks together then end within 30 seconds. */
const LOOKUP_LIMIT_MS = 4_000;

/** A test of a mailbox from end to end. */
export interface CheckReport {
  readonly mailboxId: string;
  /** `undefined` where the mailbox could not be read. */
  readonly address: string | undefined;
  /** The worst of all steps; what was skipped counts by what it needs. */
  readonly result: "ok" | "warning" | "failed";
  readonly startedAt: Date;
  readonly durationMs: number;
  readonly steps: readonly CheckStep[];
}

export interface CheckOptions {
  /** Hands a real message to the desk, marked as a test. */
  readonly testMessage: boolean;
}

export interface DiagnosticsDeps extends AppCheckDeps, MailboxCheckDeps {
  readonly registry: MailboxRegistry;
  readonly now: () => Date;
}

/** @throws {MailboxNotFoundError} */
export type CheckMailbox = (mailboxId: string, options: CheckOptions) => Promise<CheckReport>;

/** Tests everything that a mail meets on its way, and says of each thing what to change. It changes nothing itself. */
export function createDiagnostics(deps: DiagnosticsDeps): CheckMailbox {
  const { registry, now } = deps;

  return async (mailboxId, options) => {
    const startedAt = now();
    const mailbox = await lookUp(mailboxId);
    const steps = await runChecks([...appChecks(deps, mailbox), ...mailboxChecks(deps, mailbox, options)], now);
    const results = new Set(steps.map(({ result }) => result));
    return {
      mailboxId,
      address: mailbox?.address,
      result: results.has("failed") ? "failed" : results.has("warning") ? "warning" : "ok",
      startedAt,
      durationMs: now().getTime() - startedAt.getTime(),
      steps,
    };
  };

  /** `undefined` where storage fails: then its check says so, and the checks that need no mailbox are made all the same. */
  async function lookUp(mailboxId: string): Promise<StoredMailbox | undefined> {
    try {
      return await withTimeout(LOOKUP_LIMIT_MS, existingMailbox(registry, mailboxId));
    } catch (error) {
      if (error instanceof MailboxNotFoundError) throw error;
      return undefined;
    }
  }
}
