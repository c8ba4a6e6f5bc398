import type { HttpRequest, HttpResponseInit, InvocationContext } from "@azure/functions";
import type { App } from "../shared/app.ts";
import { ConfigurationError } from "../shared/config.ts";
import { AppError } from "../shared/errors.ts";
import { errorPage } from "../shared/web/error-page.ts";
import { withApp } from "./invocation.ts";

/** A form of Microsoft or of our own pages has a few kilobytes. */
const FORM_LIMIT_BYTES = 64 * 1024;

const STATUS_OF: Readonly<Partial<Record<AppError["code"], number>>> = {
  INPUT_INVALID: 400,
  MAILBOX_NOT_FOUND: 404,
  MESSAGE_NOT_FOUND: 404,
  MAILBOX_EXISTS: 409,
  ROW_CHANGED: 409,
  ENTRA_UNAVAILABLE: 502,
  CONFIGURATION_INVALID: 500,
};

/** Answers a request with the app; an error of ours becomes a page or JSON that says what to do. */
export async function withHttpApp(
  request: HttpRequest,
  context: InvocationContext,
  work: (app: App) => Promise<HttpResponseInit>,
): Promise<HttpResponseInit> {
  try {
    return await withApp(context, work);
  } catch (error) {
    const known = error instanceof AppError ? error : undefined;
    const status = (known && STATUS_OF[known.code]) ?? 500;
    const message =
      known?.message ??
      "Something that Deskpost depends on does not answer. The function's log names it; try again in a minute.";
    if (wantsPage(request)) return { ...(await errorPage(status, message)) };
    const faults = error instanceof ConfigurationError ? error.faults : undefined;
    return {
      status,
      headers: { "cache-control": "no-store" },
      jsonBody: { code: known?.code ?? "UNAVAILABLE", message, faults },
    };
  }
}

/** True for a browser. */
export function wantsPage(request: HttpRequest): boolean {
  return /\btext\/html\b/.test(request.headers.get("accept") ?? "");
}

/**
 * Reads a form that was posted.
 * @throws {AppError} INPUT_INVALID where it is larger than any form here
 */
export async function formOf(request: HttpRequest): Promise<URLSearchParams> {
  const text = await request.text();
  if (text.length > FORM_LIMIT_BYTES)
    throw new AppError("INPUT_INVALID", "The form is larger than any that belongs here");
  return new URLSearchParams(text);
}

/** A cookie of the request. */
export function cookieOf(request: HttpRequest, name: string): string | undefined {
  for (const pair of (request.headers.get("cookie") ?? "").split(";")) {
    const [key, ...value] = pair.trim().split("=");
    if (key === name) return decodeURIComponent(value.join("="));
  }
  return undefined;
}
