import type { InvocationContext } from "@azure/functions";
import { type App, appOfProcess } from "../shared/app.ts";
import { withLog } from "../shared/telemetry/current-log.ts";
import { createLog, errorFields, type Log } from "../shared/telemetry/log.ts";

/**
 * Runs a function's work with the app and the invocation's own log. What is thrown is logged once and makes the
 * invocation fail; the next one starts anew.
 */
export function withApp<T>(context: InvocationContext, work: (app: App) => Promise<T>): Promise<T> {
  const log = logOf(context);
  return withLog(log, async () => {
    try {
      return await work(appOfProcess());
    } catch (error) {
      log.error("request failed", { function: context.functionName, ...errorFields(error) });
      throw error;
    }
  });
}

function logOf(context: InvocationContext): Log {
  return createLog((level, line) => context[level](line));
}
