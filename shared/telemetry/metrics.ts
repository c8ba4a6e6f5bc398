import type { LogEvent } from "./log.ts";

/** counter: sums up; histogram: how values are spread; gauge: the last value counts. */
type MetricKind = "counter" | "histogram" | "gauge";

interface MetricSource {
  readonly event: LogEvent;
  /** The field that holds the value; an event that lacks it says nothing. */
  readonly field?: string;
  /** What an event counts where no field says it; default 1. */
  readonly value?: number;
  /** Multiplies the field's value, to come from its unit to the metric's. */
  readonly scale?: number;
  /** Fields that become attributes: ids, names of desks and codes, nothing else. */
  readonly attributes?: readonly (
    | "mailboxId"
    | "desk"
    | "code"
    | "reason"
    | "because"
    | "service"
    | "header"
    | "function"
  )[];
  /** Attributes with a value of their own. */
  readonly set?: Readonly<Record<string, string>>;
}

export interface Metric {
  readonly kind: MetricKind;
  /** https://ucum.org/ucum, with what is counted in braces. */
  readonly unit: string;
  readonly description: string;
  readonly from: readonly MetricSource[];
}

const SECONDS_PER_MS = 0.001;
const OF_MAILBOX = ["mailboxId", "desk"] as const;

/**
 * Every metric, by its name, and the events that it is made from. Alerts, the workbook and the queries in `infra/` may
 * use these names and no others. An attribute per mailbox costs a row per mailbox and minute, so what is said of each
 * mailbox at every tick is said only of those in trouble.
 */
export const METRICS = {
  "deskpost.ticks": {
    kind: "counter",
    unit: "{tick}",
    description: "Ticks of the timer: the heartbeat",
    from: [{ event: "tick started" }],
  },
  "deskpost.tick.duration": {
    kind: "histogram",
    unit: "s",
    description: "How long a tick took",
    from: [{ event: "tick finished", field: "durationMs", scale: SECONDS_PER_MS }],
  },
  "deskpost.tick.due": {
    kind: "gauge",
    unit: "{mailbox}",
    description: "Mailboxes that were due at a tick",
    from: [{ event: "tick started", field: "due" }],
  },
  "deskpost.tick.queued": {
    kind: "gauge",
    unit: "{mailbox}",
    description: "Mailboxes that a tick left to the queue",
    from: [{ event: "tick finished", field: "queued" }],
  },
  "deskpost.mailboxes": {
    kind: "gauge",
    unit: "{mailbox}",
    description: "Mailboxes by status, at each tick",
    from: [
      { event: "mailboxes watched", field: "new", set: { status: "new" } },
      { event: "mailboxes watched", field: "connected", set: { status: "connected" } },
      { event: "mailboxes watched", field: "needsOwner", set: { status: "needs-owner" } },
      { event: "mailboxes watched", field: "needsAdmin", set: { status: "needs-admin" } },
      { event: "mailboxes watched", field: "paused", set: { status: "paused" } },
    ],
  },
  "deskpost.success.age": {
    kind: "gauge",
    unit: "s",
    description: "Time since the last success of the connected mailbox that waits longest, at each tick",
    from: [{ event: "mailboxes watched", field: "oldestSuccessSeconds" }],
  },
  "deskpost.mailbox.success.age": {
    kind: "gauge",
    unit: "s",
    description: "Time since a connected mailbox's last success, at each tick from five minutes on",
    from: [{ event: "mailbox late", field: "sinceSeconds", attributes: ["mailboxId", "desk", "code"] }],
  },
  "deskpost.mailbox.blocked": {
    kind: "gauge",
    unit: "1",
    description: "1 at each tick while a mailbox waits for a person",
    from: [
      {
        event: "mailbox blocked",
        field: "needsOwner",
        attributes: ["mailboxId", "desk"],
        set: { status: "needs-owner" },
      },
      {
        event: "mailbox blocked",
        field: "needsAdmin",
        attributes: ["mailboxId", "desk"],
        set: { status: "needs-admin" },
      },
    ],
  },
  "deskpost.grants.refused": {
    kind: "counter",
    unit: "{grant}",
    description: "Mailboxes that lost their access: Entra wants the owner or an administrator",
    from: [
      { event: "mailbox needs its owner", attributes: ["mailboxId", "code"], set: { status: "needs-owner" } },
      { event: "mailbox needs an administrator", attributes: ["mailboxId", "code"], set: { status: "needs-admin" } },
    ],
  },
  "deskpost.app.misconfigured": {
    kind: "gauge",
    unit: "1",
    description: "1 at each tick while Entra refuses the application itself, 0 otherwise",
    from: [{ event: "mailboxes watched", field: "misconfigured" }],
  },
  "deskpost.runs": {
    kind: "counter",
    unit: "{run}",
    description: "Fetch runs by outcome",
    from: [
      { event: "mailbox fetched", set: { outcome: "fetched" } },
      { event: "mailbox fetch failed", attributes: ["mailboxId", "code"], set: { outcome: "failed" } },
      { event: "mailbox skipped", attributes: ["reason"], set: { outcome: "skipped" } },
    ],
  },
  "deskpost.run.duration": {
    kind: "histogram",
    unit: "s",
    description: "How long a fetch run took",
    from: [
      { event: "mailbox fetched", field: "durationMs", scale: SECONDS_PER_MS, set: { outcome: "fetched" } },
      { event: "mailbox fetch failed", field: "durationMs", scale: SECONDS_PER_MS, set: { outcome: "failed" } },
    ],
  },
  "deskpost.messages.discovered": {
    kind: "counter",
    unit: "{message}",
    description: "Messages that came into the ledger",
    from: [
      { event: "mailbox fetched", field: "discovered" },
      { event: "mailbox fetch failed", field: "discovered" },
    ],
  },
  "deskpost.messages.reconciled": {
    kind: "counter",
    unit: "{message}",
    description: "Those of them that Graph's changes had not shown and only a listing of the folder found",
    from: [
      { event: "mailbox fetched", field: "reconciled" },
      { event: "mailbox fetch failed", field: "reconciled" },
    ],
  },
  "deskpost.messages": {
    kind: "counter",
    unit: "{message}",
    description: "Attempts at messages, by what became of them",
    from: [
      { event: "message delivered", attributes: OF_MAILBOX, set: { outcome: "delivered" } },
      { event: "desk refused", attributes: OF_MAILBOX, set: { outcome: "refused" } },
      { event: "message quarantined", attributes: OF_MAILBOX, set: { outcome: "quarantined" } },
      { event: "message gone", attributes: OF_MAILBOX, set: { outcome: "gone" } },
      { event: "desk failed", attributes: OF_MAILBOX, set: { outcome: "failed" } },
      { event: "message unreadable", attributes: OF_MAILBOX, set: { outcome: "failed" } },
    ],
  },
  "deskpost.lag": {
    kind: "histogram",
    unit: "s",
    description: "From the arrival of a message in the mailbox to the desk's word that it has it",
    from: [{ event: "message delivered", field: "lagSeconds", attributes: ["desk"] }],
  },
  "deskpost.pending": {
    kind: "gauge",
    unit: "{message}",
    description: "Messages that wait for delivery, after each run that met any",
    from: [
      { event: "mailbox fetched", field: "pending", attributes: OF_MAILBOX },
      { event: "mailbox fetch failed", field: "pending", attributes: OF_MAILBOX },
    ],
  },
  "deskpost.quarantined": {
    kind: "gauge",
    unit: "{message}",
    description: "Messages in quarantine, after each run that met any message",
    from: [
      { event: "mailbox fetched", field: "inQuarantine", attributes: OF_MAILBOX },
      { event: "mailbox fetch failed", field: "inQuarantine", attributes: OF_MAILBOX },
    ],
  },
  "deskpost.desk.failures": {
    kind: "counter",
    unit: "{attempt}",
    description: "Attempts that a desk did not answer as it should: because of the desk, or of the message",
    from: [{ event: "desk failed", attributes: ["desk", "because", "code"] }],
  },
  "deskpost.desk.down": {
    kind: "gauge",
    unit: "1",
    description: "1 when a desk went down, and at each trial in vain; 0 when it takes mail again",
    from: [
      { event: "desk down", attributes: ["desk"] },
      { event: "desk still down", attributes: ["desk"] },
      { event: "desk takes mail again", value: 0, attributes: ["desk"] },
    ],
  },
  "deskpost.quarantine.decisions": {
    kind: "counter",
    unit: "{message}",
    description: "Messages that a person took out of quarantine",
    from: [
      { event: "message replayed", attributes: ["mailboxId"], set: { decision: "replayed" } },
      { event: "message discarded", attributes: ["mailboxId"], set: { decision: "discarded" } },
    ],
  },
  "deskpost.throttles": {
    kind: "counter",
    unit: "{answer}",
    description: "Answers that asked to be left alone (429, or 503 with Retry-After)",
    from: [{ event: "call throttled", attributes: ["service", "mailboxId"] }],
  },
  "deskpost.graph.budget": {
    kind: "gauge",
    unit: "1",
    description: "Share of Graph's request budget that a mailbox has used, where Graph says that it is near its end",
    from: [{ event: "budget nearly used", field: "share", attributes: ["service", "mailboxId"] }],
  },
  "deskpost.deprecations": {
    kind: "counter",
    unit: "{answer}",
    description: "Announcements by Graph or Entra that something will end: Deprecation, Sunset and Warning headers",
    from: [{ event: "change announced", attributes: ["service", "header"] }],
  },
  "deskpost.token.refreshes": {
    kind: "counter",
    unit: "{token}",
    description: "Access tokens asked for, by outcome",
    from: [
      { event: "token refreshed", set: { outcome: "refreshed" } },
      { event: "token refresh failed", attributes: ["mailboxId", "code"], set: { outcome: "failed" } },
      { event: "refresh token not saved", attributes: ["mailboxId", "code"], set: { outcome: "not-saved" } },
    ],
  },
  "deskpost.token.remaining": {
    kind: "gauge",
    unit: "s",
    description: "Life of a mailbox's access token, each time it is renewed",
    from: [{ event: "token refreshed", field: "lifeSeconds", attributes: ["mailboxId"] }],
  },
  "deskpost.grant.remaining": {
    kind: "gauge",
    unit: "s",
    description: "Time to the end of a mailbox's refresh token, daily within its last 30 days",
    from: [{ event: "grant ends soon", field: "remainingSeconds", attributes: ["mailboxId"] }],
  },
  "deskpost.grants.remaining": {
    kind: "gauge",
    unit: "s",
    description: "Time to the end of the refresh token that ends first, daily",
    from: [{ event: "tokens kept", field: "grantRemainingSeconds" }],
  },
  "deskpost.credential.remaining": {
    kind: "gauge",
    unit: "s",
    description: "Time to the end of the application's own secret or certificate, daily, where that is known",
    from: [{ event: "tokens kept", field: "credentialRemainingSeconds" }],
  },
  "deskpost.poison": {
    kind: "counter",
    unit: "{message}",
    description: "Queue messages that failed so often that they were put aside",
    from: [{ event: "mailbox fetch abandoned", attributes: ["mailboxId"] }],
  },
  "deskpost.resyncs": {
    kind: "counter",
    unit: "{walk}",
    description: "Walks over a whole folder because Graph had forgotten the position",
    from: [{ event: "resync started", attributes: ["mailboxId"] }],
  },
  "deskpost.acknowledge.failures": {
    kind: "counter",
    unit: "{message}",
    description: "Delivered messages that could not be marked or moved yet",
    from: [{ event: "acknowledge failed", attributes: ["mailboxId", "code"] }],
  },
  "deskpost.invocations.failed": {
    kind: "counter",
    unit: "{invocation}",
    description: "Functions that ended with an error",
    from: [{ event: "request failed", attributes: ["function", "code"] }],
  },
} as const satisfies Readonly<Record<string, Metric>>;

/** The name of a metric, as it stands in Application Insights. */
export type MetricName = keyof typeof METRICS;
