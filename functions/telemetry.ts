import { setTimeout as sleep } from "node:timers/promises";
import { app, type InvocationContext } from "@azure/functions";
import { keepExporterQuiet, readTelemetryConfig, type TelemetryConfig } from "../shared/platform/config.ts";
import { messageOf } from "../shared/platform/errors.ts";
import { createExportErrors } from "../shared/telemetry/export-errors.ts";
import type { Log, RecordEvent } from "../shared/telemetry/log.ts";
import { withTraceparent } from "../shared/telemetry/spans.ts";
import type { Telemetry } from "../shared/telemetry/telemetry.ts";

/** The end of an invocation waits this long for its telemetry to be sent: an instance may be frozen right after it. */
const FLUSH_LIMIT_MS = 3_000;
/** After it waited in vain it does not wait again for this long, so that a receiver that is down holds nobody up. */
const NO_WAIT_AFTER_FAILURE_MS = 60_000;
/** The worker ends five seconds after it was told to. */
const LAST_FLUSH_LIMIT_MS = 4_000;

const troubles = createExportErrors({ now: () => new Date() });
const config = readTelemetryConfig();
let telemetry: Telemetry | undefined;
let noWaitUntil = 0;

// The host then leaves logs and spans of functions to this process, and nothing arrives twice.
// https://learn.microsoft.com/azure/azure-functions/opentelemetry-howto
if (config !== undefined) {
  app.setup({ capabilities: { WorkerOpenTelemetryEnabled: true } });
  app.hook.appStart(() => start(config));
  app.hook.preInvocation((hook) => {
    const { functionHandler } = hook;
    const cause = hook.invocationContext.traceContext?.traceParent;
    hook.functionHandler = (...inputs) => withTraceparent(cause, () => functionHandler(...inputs));
  });
  app.hook.postInvocation(({ invocationContext }) => flushAfter(invocationContext));
  app.hook.appTerminate(async () => {
    if (telemetry !== undefined) await within(LAST_FLUSH_LIMIT_MS, telemetry.stop());
  });
}

/** What each event of a log becomes beyond its line; nothing where telemetry goes nowhere. */
export const recordEvent: RecordEvent = (level, event, fields) => telemetry?.record(level, event, fields);

/** Telemetry that cannot be sent has nobody to tell but the next invocation's log. */
export function logTelemetryTroubles(log: Log): void {
  for (const trouble of troubles.take()) log.warn("telemetry failed", trouble);
}

/** Never throws: without telemetry mail is fetched all the same. */
async function start({ connectionString, identity, serviceName }: TelemetryConfig): Promise<void> {
  try {
    keepExporterQuiet();
    // Not loaded where it is not wanted: it takes as long as all the rest together.
    const [{ startTelemetry }, { createExporters }] = await Promise.all([
      import("../shared/telemetry/telemetry.ts"),
      import("../shared/telemetry/exporters.ts"),
    ]);
    const exporters = createExporters({ connectionString, identity, onRefusal: troubles.add });
    telemetry = startTelemetry({ exporters, serviceName, onTrouble: troubles.add });
  } catch (error) {
    troubles.add(`not started: ${messageOf(error)}`);
  }
}

/** A person waits for the answer of an HTTP function, and does not have to wait for this. */
async function flushAfter({ options }: InvocationContext): Promise<void> {
  if (telemetry === undefined) return;
  const flush = telemetry.flush();
  if (options.trigger.type === "httpTrigger" || Date.now() < noWaitUntil) return;
  if (!(await within(FLUSH_LIMIT_MS, flush))) {
    troubles.add(`not sent within ${FLUSH_LIMIT_MS / 1_000} s`);
    noWaitUntil = Date.now() + NO_WAIT_AFTER_FAILURE_MS;
  }
}

/** True where the work ended in time. It goes on either way. */
async function within(limitMs: number, work: Promise<void>): Promise<boolean> {
  const limit = new AbortController();
  const late = sleep(limitMs, false, { signal: limit.signal }).catch(() => false);
  const ended = await Promise.race([work.then(() => true), late]);
  limit.abort();
  return ended;
}
