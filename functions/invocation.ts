import type { InvocationContext } from "@azure/functions";
import { type App, appOfProcess } from "../shared/app.ts";
import { AppError } from "../shared/platform/errors.ts";
import { withLog } from "../shared/telemetry/current-log.ts";
import { createLog, errorFields, type Log } from "../shared/telemetry/log.ts";
import { logTelemetryTroubles, recordEvent } from "./telemetry.ts";

/**
 * Runs a function's work with the app and the invocation's own log. What is thrown is logged once and makes the
 * invocation fail; the next one starts anew.
 */
export function withApp<T>(context: InvocationContext, work: (app: App) => Promise<T>): Promise<T> {
  const log = logOf(context);
  logTelemetryTroubles(log);
  return withLog(log, async () => {
    try {
      return await work(appOfProcess());
    } catch (error) {
      if (!isAnswerToARequest(error))
        log.error("request failed", { function: context.functionName, ...errorFields(error) });
      throw error;
    }
  });
}

const ANSWERS: ReadonlySet<AppError["code"]> = new Set([
  "INPUT_INVALID",
  "NOT_ALLOWED",
  "MAILBOX_NOT_FOUND",
  "MESSAGE_NOT_FOUND",
  "MAILBOX_EXISTS",
  "TOO_MANY_SIGN_INS",
]);

/** What a person or program got wrong is told to them, and is no fault of the app. */
export function isAnswerToARequest(error: unknown): error is AppError {
  return error instanceof AppError && ANSWERS.has(error.code);
}

function logOf(context: InvocationContext): Log {
  return createLog((level, line) => context[level](line), recordEvent);
}
