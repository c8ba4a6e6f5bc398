import { randomUUID } from "node:crypto";
import type { Activity } from "../../activity/activity.ts";
import type { CircuitBreaker } from "../../desks/circuit-breaker.ts";
import type { Desk } from "../../desks/desk.ts";
import type { MailboxChanges, MailboxError, MailboxRegistry, StoredMailbox } from "../../mailboxes/mailbox.ts";
import { EACH_TICK, type FetchBounds, failureClassOf, waitBeforeNextFetchMs } from "../../mailboxes/next-fetch.ts";
import { shareOfLimit } from "../../mailboxes/request-count.ts";
import { updateLatest } from "../../mailboxes/update-latest.ts";
import { isDue } from "../../platform/due.ts";
import { AppError, codeOf, messageOf } from "../../platform/errors.ts";
import { errorFields, type Log, type LogFields } from "../../telemetry/log.ts";
import { redact } from "../../telemetry/redact.ts";
import { withFields } from "../../telemetry/with-fields.ts";
import { acknowledgeDelivered } from "../delivery/acknowledge.ts";
import { type DeliveryReport, deliver } from "../delivery/deliver.ts";
import { type Discovery, discover } from "../discovery/discover.ts";
import type { DiscoverOptions } from "../discovery/discover-options.ts";
import { createRequestBudget, type RequestBudget } from "../graph/request-budget.ts";
import type { LeasedLedger, Ledger } from "../ledger/ledger.ts";
import {
  concernsMailbox,
  DEFAULT_THROTTLE_MS,
  FolderNotFoundError,
  GraphError,
  type MessageSource,
} from "../message-source.ts";
import { activityOfRun, type TroubleChange } from "./run-activity.ts";

/** Of Graph's request limit. */
const NEARLY_USED = 0.8;
/** The desk answers, and takes nothing. */
const DESK_FAILING = "DESK_FAILING";

export interface FetchMailboxDeps {
  readonly registry: MailboxRegistry;
  readonly ledger: Ledger;
  /** The source's requests stay within the budget, which is this run's own. */
  readonly sourceOf: (mailbox: StoredMailbox, budget: RequestBudget) => MessageSource;
  /** @throws {AppError} CONFIGURATION_INVALID where the mailbox names a desk that the configuration does not know */
  readonly deskOf: (mailbox: StoredMailbox) => Desk;
  /** Asks whether mail may be offered to the desk of this name. */
  readonly askCircuit: CircuitBreaker["ask"];
  /** Told when the grant is refused for good; changes the mailbox's status. */
  readonly grantRefused: (mailboxId: string, error: AppError) => Promise<void>;
  readonly activity: Pick<Activity, "note">;
  /** How long a quiet or a broken mailbox may be left alone; without them it is due at each tick. */
  readonly bounds?: FetchBounds;
  readonly log: Log;
  readonly now: () => Date;
}

/**
 * fetched: a run was made, `more` where it stopped at its deadline with work left; skipped: there was nothing to do
 * or somebody else is at it; failed: the run ended early, the mailbox says why.
 */
export type FetchOutcome =
  | { readonly kind: "fetched"; readonly more: boolean; readonly delivered: number }
  | { readonly kind: "skipped"; readonly reason: "unknown" | "not-connected" | "not-due" | "busy" }
  | { readonly kind: "failed"; readonly code: string };

type RunReport = DeliveryReport & {
  /** Names the run. */
  readonly run: string;
  readonly discovered: number;
  readonly reconciled: number;
  readonly pages: number;
  readonly notice: Discovery["notice"];
  readonly acknowledged: number;
};

const NOTHING_DONE: Omit<RunReport, "run"> = {
  discovered: 0,
  reconciled: 0,
  pages: 0,
  notice: undefined,
  delivered: 0,
  refused: 0,
  quarantined: 0,
  gone: 0,
  tickets: [],
  reasons: { refused: [], quarantined: [] },
  failed: 0,
  acknowledged: 0,
  deskFailure: undefined,
  deskDoubt: undefined,
  deskLastTookAt: undefined,
  more: false,
  failure: undefined,
};

export interface FetchRun {
  readonly mailboxId: string;
  /** No further page or message is begun after this. */
  readonly deadline: Date;
}

/**
 * One run for one mailbox, from stored state alone: lease, discover, deliver, acknowledge, report. It throws only where
 * the stored state cannot be reached; whatever else goes wrong is recorded on the mailbox, and the next run starts anew.
 */
export function createFetchMailbox(deps: FetchMailboxDeps): (run: FetchRun) => Promise<FetchOutcome> {
  const { registry, ledger, log, now } = deps;

  return async function fetchMailbox({ mailboxId, deadline }) {
    const found = await registry.get(mailboxId);
    if (found?.queuedUntil !== undefined) await takenFromQueue(found);
    const reasonBefore = reasonToSkip(found, now());
    if (reasonBefore !== undefined) return skipped(mailboxId, reasonBefore);
    const leased = await ledger.lease(mailboxId);
    if (leased === undefined) return skipped(mailboxId, "busy");
    // Law 7: read again under the lease; whoever had the mailbox until just now may have been told to leave it alone.
    const mailbox = await registry.get(mailboxId);
    const reason = reasonToSkip(mailbox, now());
    if (mailbox === undefined || reason !== undefined) {
      await leased.release();
      return skipped(mailboxId, reason ?? "unknown");
    }

    const startedAt = now();
    const budget = createRequestBudget({ sent: mailbox.graphRequests, now });
    const report = await run(mailbox, leased, budget, deadline);
    const code = report.failure === undefined ? undefined : codeOf(report.failure.error);
    // Whoever took over reports for the mailbox now.
    if (code !== "LEASE_LOST") {
      // In this order: the next run must know what this one was told.
      const change = await recordReport(mailbox, report, budget).finally(leased.release);
      if (change !== undefined) await deps.activity.note(mailboxId, ...activityOfRun(report, change));
    }
    logReport(mailbox, startedAt, report, await waitingAfter(mailbox, report));
    const share = shareOfLimit(budget.sent, now());
    if (share >= NEARLY_USED) log.warn("budget nearly used", { service: "graph", mailboxId, share });
    const error = report.failure?.error;
    if (error instanceof AppError && (code === "CONSENT_REQUIRED" || code === "ADMIN_REQUIRED")) {
      await deps.grantRefused(mailbox.id, error);
    }
    return code === undefined
      ? { kind: "fetched", more: report.more, delivered: report.delivered }
      : { kind: "failed", code };
  };

  /** Before the run, so that one that dies in its middle does not keep the ticks away. */
  async function takenFromQueue(mailbox: StoredMailbox): Promise<void> {
    const taken = ({ queuedUntil }: StoredMailbox) =>
      queuedUntil === undefined ? undefined : { queuedUntil: undefined };
    await updateLatest(registry, mailbox.id, taken, mailbox);
  }

  function skipped(mailboxId: string, reason: (FetchOutcome & { kind: "skipped" })["reason"]): FetchOutcome {
    log.info("mailbox skipped", { mailboxId, reason });
    return { kind: "skipped", reason };
  }

  /** Never throws: what went wrong is part of the report, beside what was done until then. */
  async function run(
    mailbox: StoredMailbox,
    leased: LeasedLedger,
    budget: RequestBudget,
    deadline: Date,
  ): Promise<RunReport> {
    let report: RunReport = { ...NOTHING_DONE, run: randomUUID(), deskLastTookAt: mailbox.lastMailAt };
    try {
      const source = deps.sourceOf(mailbox, budget);
      const desk = deps.deskOf(mailbox);
      const about = withFields(log, { desk: mailbox.desk });
      const common = { mailboxId: mailbox.id, source, ledger: leased, deadline, now, log: about };
      const { acknowledge, address, deliverFrom, lastMailAt: deskLastTookAt } = mailbox;
      if (deliverFrom === undefined)
        throw new Error(`Mailbox ${mailbox.id} is connected without a date to deliver from`);
      // Half the time at most: a long walk over a folder must not keep what is found already from being delivered.
      const discoverUntil = new Date((now().getTime() + deadline.getTime()) / 2);
      const discovery = await discoverOrFail({ ...common, deliverFrom, deadline: discoverUntil });
      report = { ...report, ...discovery };
      const delivery = await deliver({
        ...common,
        desk,
        askCircuit: () => deps.askCircuit(mailbox.desk),
        address,
        acknowledge,
        deskLastTookAt,
      });
      const failure = delivery.failure ?? discovery.failure;
      report = { ...report, ...delivery, failure, more: discovery.more || delivery.more };
      if (delivery.failure !== undefined) return report;
      return { ...report, acknowledged: await acknowledgeDelivered({ ...common, acknowledge }) };
    } catch (error) {
      return { ...report, failure: { error } };
    }
  }

  /** What is in the ledger already is delivered even where Graph refuses to show changes, as it does of a full mailbox. */
  async function discoverOrFail(options: DiscoverOptions): Promise<Discovery & Pick<RunReport, "failure">> {
    try {
      return { ...(await discover(options)), failure: undefined };
    } catch (error) {
      const isAboutFolder = error instanceof FolderNotFoundError;
      if (!isAboutFolder && (!(error instanceof GraphError) || concernsMailbox(error))) throw error;
      return { discovered: 0, reconciled: 0, pages: 0, more: false, notice: undefined, failure: { error } };
    }
  }

  /** Gives how the trouble of the mailbox changed by this run; `undefined` where the mailbox is gone. */
  async function recordReport(
    mailbox: StoredMailbox,
    report: RunReport,
    { sent }: RequestBudget,
  ): Promise<TroubleChange | undefined> {
    let change: TroubleChange = { before: undefined, after: undefined };
    const at = now();
    const found = troubleIn(mailbox, report, at);
    const history = { at, lastMailAt: report.deskLastTookAt, askedWaitMs: found?.waitMs, more: report.more };
    const changes = (latest: StoredMailbox): MailboxChanges | undefined => {
      // The write came through, only its answer was lost: counting twice would be wrong.
      if (latest.lastRun === report.run) return undefined;
      const counts = { delivered: latest.delivered + report.delivered, refused: latest.refused + report.refused };
      // This run stood still until another had taken over and reported: what that one was told is newer. Or it was the
      // other one that stood still; so what Graph asked for counts in either case.
      if (latest.lastRun !== mailbox.lastRun) return { ...counts, ...throttleOf(found, latest, at) };
      const trouble = found ?? stillFailing(latest.lastError, report);
      change = { before: latest.lastError?.code, after: trouble?.error.code ?? report.notice?.code };
      // A run that delivered something is worth another one soon.
      const failures = trouble === undefined ? 0 : report.delivered > 0 ? 1 : latest.failures + 1;
      const failure = trouble && { class: failureClassOf(trouble.error.code), inARow: failures };
      return {
        ...counts,
        lastRun: report.run,
        lastFetchAt: at,
        ...(trouble === undefined ? { lastSuccessAt: at } : {}),
        lastMailAt: report.deskLastTookAt,
        lastError: trouble?.error ?? (report.notice && { ...report.notice, at }),
        failures,
        nextFetchAt: later(at, waitBeforeNextFetchMs({ ...history, failure }, deps.bounds ?? EACH_TICK)),
        throttledUntil: trouble?.error.code === "GRAPH_THROTTLED" ? later(at, trouble.waitMs) : undefined,
        graphRequests: sent,
      };
    };
    const outcome = await updateLatest(registry, mailbox.id, changes, mailbox);
    return outcome === "absent" ? undefined : change;
  }

  /** Counted where the run met a message: most runs meet none, and two queries more would be a fifth of what they cost. */
  async function waitingAfter({ id }: StoredMailbox, report: RunReport): Promise<LogFields> {
    const { discovered, delivered, refused, quarantined, gone, failed } = report;
    const met = discovered + delivered + refused + quarantined + gone + failed > 0;
    if (!met && !report.more && report.deskFailure === undefined) return {};
    try {
      const waiting = await ledger.waiting(id);
      return { pending: waiting.pending, inQuarantine: waiting.quarantined };
    } catch (error) {
      // What the run did counts all the same; only the numbers are missing this time.
      log.warn("request failed", { mailboxId: id, ...errorFields(error) });
      return {};
    }
  }

  function logReport(mailbox: StoredMailbox, startedAt: Date, report: RunReport, waiting: LogFields): void {
    const {
      deskLastTookAt: _,
      run: __,
      tickets: ___,
      reasons: ____,
      deskFailure,
      deskDoubt,
      failure,
      notice,
      ...counts
    } = report;
    const about = {
      mailboxId: mailbox.id,
      desk: mailbox.desk,
      ...counts,
      ...waiting,
      durationMs: now().getTime() - startedAt.getTime(),
    };
    if (failure !== undefined) log.error("mailbox fetch failed", { ...about, ...errorFields(failure.error) });
    else
      log.info("mailbox fetched", {
        ...about,
        deskIll: deskFailure?.code,
        deskDoubt: deskDoubt?.code,
        notice: notice?.code,
      });
  }
}

interface Trouble {
  readonly error: MailboxError;
  readonly waitMs: number | undefined;
}

/** What the mailbox's page should say, and how long to leave the mailbox alone; `undefined` where all went well. */
function troubleIn(
  mailbox: StoredMailbox,
  { failure, deskFailure, deskDoubt }: RunReport,
  at: Date,
): Trouble | undefined {
  if (failure !== undefined) {
    const { error } = failure;
    const asked = error instanceof GraphError ? error.answer.retryAfterMs : undefined;
    const code = codeOf(error);
    const waitMs = code === "GRAPH_THROTTLED" ? (asked ?? DEFAULT_THROTTLE_MS) : asked;
    return { error: { code, message: redact(messageOf(error)), at }, waitMs };
  }
  if (deskFailure !== undefined) {
    // A desk that fails is not a success: nothing came through.
    const message = `The desk "${mailbox.desk}" takes no mail: ${deskFailure.words}`;
    // When it is tried again is kept with the desk; meanwhile new mail is found all the same.
    return { error: { code: "DESK_UNAVAILABLE", message, at }, waitMs: undefined };
  }
  if (deskDoubt !== undefined) {
    const message = `The desk "${mailbox.desk}" answers each mail with a fault, and has taken none since (${deskDoubt.code}: ${deskDoubt.words}): look into its log. Mail waits, and is tried again`;
    return { error: { code: DESK_FAILING, message, at }, waitMs: undefined };
  }
  return undefined;
}

/** A desk that answers with faults is not heard of between the attempts; what is said of it stands until a message leaves pending. */
function stillFailing(error: MailboxError | undefined, report: RunReport): Trouble | undefined {
  const leftPending = report.delivered + report.refused + report.quarantined + report.gone;
  return error?.code === DESK_FAILING && leftPending === 0 ? { error, waitMs: undefined } : undefined;
}

function reasonToSkip(mailbox: StoredMailbox | undefined, now: Date) {
  if (mailbox === undefined) return "unknown";
  if (mailbox.status !== "connected") return "not-connected";
  if (!isDue(mailbox.nextFetchAt, now) || !isDue(mailbox.throttledUntil, now)) return "not-due";
  return undefined;
}

/** The longer of what is known and what this run was told. */
function throttleOf(
  trouble: Trouble | undefined,
  { throttledUntil: known }: StoredMailbox,
  at: Date,
): Pick<MailboxChanges, "throttledUntil"> {
  if (trouble?.error.code !== "GRAPH_THROTTLED") return {};
  const told = later(at, trouble.waitMs);
  return { throttledUntil: known !== undefined && known > told ? known : told };
}

function later(at: Date, waitMs = 0): Date {
  return new Date(at.getTime() + waitMs);
}
