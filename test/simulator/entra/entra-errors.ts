import { randomUUID } from "node:crypto";
import { type Answer, json } from "../stand-in.ts";
import { aadsts } from "./entra-error-table.ts";

/** One of Entra's refusals. `code` is the number after "AADSTS". */
export class EntraError extends Error {
  override readonly name = "EntraError";
  readonly code: number;
  readonly error: string;
  readonly status: number;
  readonly suberror: string | undefined;
  readonly claims: string | undefined;

  constructor(code: number, facts: Facts = {}, suberror?: string) {
    const known = aadsts[code] ?? { error: "invalid_grant", text: "The request was refused." };
    super(`AADSTS${code}: ${fill(known.text, facts)}`);
    this.code = code;
    this.error = known.error;
    this.status = known.status ?? (this.error === "invalid_client" ? 401 : 400);
    this.suberror = suberror ?? known.suberror;
    this.claims = known.claims;
  }
}

/** What the `{placeholders}` of a text stand for. */
export type Facts = Readonly<Record<string, string | undefined>>;

function fill(text: string, facts: Facts): string {
  return text.replaceAll(/\{(\w+)\}/g, (_, name: string) => facts[name] ?? "");
}

/** The fields of an error as Entra sends them, in JSON from the token endpoint or as parameters to the callback. */
export interface EntraErrorBody {
  readonly error: string;
  readonly error_description: string;
  readonly error_codes: readonly number[];
  readonly timestamp: string;
  readonly trace_id: string;
  readonly correlation_id: string;
  readonly error_uri: string;
  readonly suberror?: string;
  readonly claims?: string;
}

/** https://learn.microsoft.com/entra/identity-platform/reference-error-codes#handling-error-codes-in-your-application */
export function entraErrorBody(error: EntraError, correlationId: string = randomUUID()): EntraErrorBody {
  const traceId = randomUUID();
  const timestamp = `${new Date().toISOString().slice(0, 19).replace("T", " ")}Z`;
  const trailer = [`Trace ID: ${traceId}`, `Correlation ID: ${correlationId}`, `Timestamp: ${timestamp}`];
  return {
    error: error.error,
    error_description: `${error.message} ${trailer.join(" ")}`,
    error_codes: [error.code],
    timestamp,
    trace_id: traceId,
    correlation_id: correlationId,
    error_uri: `https://login.microsoftonline.com/error?code=${error.code}`,
    ...(error.suberror !== undefined && { suberror: error.suberror }),
    ...(error.claims !== undefined && { claims: error.claims }),
  };
}

/** The token endpoint's answer for an error; tests plan it as a fault: `entraErrorAnswer(new EntraError(50196))`. */
export function entraErrorAnswer(error: EntraError, correlationId?: string): Answer {
  const body = entraErrorBody(error, correlationId);
  return json(error.status, body, { ...noStore, "x-ms-request-id": body.trace_id });
}

/** The headers with which Entra forbids caching. */
export const noStore = { "cache-control": "no-store, no-cache", pragma: "no-cache", expires: "-1" };
