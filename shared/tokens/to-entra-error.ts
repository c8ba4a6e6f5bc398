import * as client from "openid-client";
import { messageOf } from "../platform/errors.ts";
import { retryAfterMs } from "../platform/retry-after.ts";
import { redact } from "../telemetry/redact.ts";
import { EntraError } from "./entra-errors.ts";

/** A throttle that Entra dresses up as invalid_grant, without a Retry-After. https://learn.microsoft.com/entra/identity-platform/reference-error-codes */
const LOOP_DETECTED = 50196;
const LOOP_WAIT_MS = 5 * 60_000;

/** Puts whatever openid-client throws into one form. */
export async function toEntraError(what: string, error: unknown, now: Date): Promise<EntraError> {
  const response = responseOf(error);
  const body = error instanceof client.ResponseBodyError ? error.cause : await bodyOf(response);
  const codes = Array.isArray(body.error_codes) ? body.error_codes.filter((code) => typeof code === "number") : [];
  const answer = {
    status: response?.status,
    error: textOf(body.error),
    suberror: textOf(body.suberror),
    codes,
  };
  // The first line of the description is the reason; the rest repeats ids. It may quote what was sent, hence redact().
  const reason = redact((textOf(body.error_description) ?? messageOf(error)).split(/\r?\n| Trace ID:/)[0] ?? "");
  const start = answer.status === undefined ? "Microsoft gave no proper answer when asked to" : "Microsoft refused to";
  return new EntraError(
    `${start} ${what}: ${reason}`,
    answer,
    {
      retryAfterMs:
        retryAfterMs(response?.headers.get("retry-after"), now) ??
        (codes.includes(LOOP_DETECTED) ? LOOP_WAIT_MS : undefined),
      traceId: textOf(body.trace_id),
      correlationId: textOf(body.correlation_id),
      claims: textOf(body.claims),
    },
    // The cause is left out on purpose: openid-client's errors hold the request or the response with its tokens.
  );
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** openid-client hangs the response on the error or on its cause, depending on what was wrong with it. */
function responseOf(error: unknown): Response | undefined {
  const { response, cause } = (error ?? {}) as { response?: unknown; cause?: unknown };
  if (response instanceof Response) return response;
  if (cause instanceof Response) return cause;
  return undefined;
}

async function bodyOf(response: Response | undefined): Promise<Record<string, unknown>> {
  if (response === undefined || response.bodyUsed) return {};
  try {
    return (await response.json()) as Record<string, unknown>;
  } catch {
    // No JSON, such as the plain "Too Many Requests" of a throttle: the status and the headers tell enough.
    return {};
  }
}
