import type { HttpRequest, HttpResponse, HttpResponseInit, InvocationContext } from "@azure/functions";
import type { App } from "../shared/app.ts";
import { ConfigurationError } from "../shared/platform/config.ts";
import { AppError } from "../shared/platform/errors.ts";
import { errorPage } from "../shared/web/error-page.ts";
import { jsonAnswer } from "../shared/web/json-answer.ts";
import { FORM_TOKEN, type PageContext, type WebAnswer } from "../shared/web/layout.ts";
import { isOwnForm, type Session } from "../shared/web/session/sessions.ts";
import { DownloadResponse } from "./download-response.ts";
import { isAnswerToARequest, withApp } from "./invocation.ts";

/** A form of Microsoft or of our own pages, or a mailbox in JSON, has a few kilobytes. */
const BODY_LIMIT_BYTES = 64 * 1024;

const STATUS_OF: Readonly<Partial<Record<AppError["code"], number>>> = {
  INPUT_INVALID: 400,
  NOT_ALLOWED: 403,
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
  work: (app: App) => Promise<WebAnswer>,
): Promise<HttpResponseInit | HttpResponse> {
  try {
    return toResponse(await withApp(context, work));
  } catch (error) {
    const known = error instanceof AppError ? error : undefined;
    const status = (known && STATUS_OF[known.code]) ?? 500;
    const message =
      known?.message ??
      "Something that Deskpost depends on does not answer. The function's log names it; try again in a minute.";
    if (wantsPage(request)) return toResponse(await errorPage(status, message));
    const faults = error instanceof ConfigurationError ? error.faults : undefined;
    return toResponse(jsonAnswer(status, { code: known?.code ?? "UNAVAILABLE", message, faults }));
  }
}

/** Tells somebody who is signed in what they got wrong, with the way to the other pages. */
export async function orErrorPage(page: PageContext, work: () => Promise<WebAnswer>): Promise<WebAnswer> {
  try {
    return await work();
  } catch (error) {
    if (!isAnswerToARequest(error)) throw error;
    return errorPage(STATUS_OF[error.code] ?? 400, error.message, page);
  }
}

/** Puts an answer into the form that the Functions library wants. */
export function toResponse({ status, headers, body, cookies = [] }: WebAnswer): HttpResponseInit | HttpResponse {
  const init = { status, headers, cookies: [...cookies] };
  if (body === undefined) return init;
  return typeof body === "string" ? { ...init, body } : new DownloadResponse(init, body);
}

/**
 * A page of another site must not press our buttons: a browser names the site of a form in Origin.
 * @throws {AppError} NOT_ALLOWED
 */
export function refuseForeignForms({ urls }: App, request: HttpRequest): void {
  const origin = request.headers.get("origin");
  if (origin !== null && origin !== urls.origin) {
    throw new AppError(
      "NOT_ALLOWED",
      `This form was not sent from a page of Deskpost. Open ${urls.mailboxes} and try again.`,
    );
  }
}

/**
 * Of a session, a form counts only with the token that the session's own pages put into it.
 * https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
 * @throws {AppError} NOT_ALLOWED
 */
export function refuseForgedForm(app: App, request: HttpRequest, session: Session, form: URLSearchParams): void {
  refuseForeignForms(app, request);
  if (!isOwnForm(session, form.get(FORM_TOKEN))) {
    throw new AppError(
      "NOT_ALLOWED",
      `This form does not belong to the session that is open now, so nothing was changed. Open ${app.urls.mailboxes} and try again.`,
    );
  }
}

/** True for a browser. */
function wantsPage(request: HttpRequest): boolean {
  return /\btext\/html\b/.test(request.headers.get("accept") ?? "");
}

/**
 * Reads a form that was posted.
 * @throws {AppError} INPUT_INVALID where it is larger than any form here
 */
export async function formOf(request: HttpRequest): Promise<URLSearchParams> {
  return new URLSearchParams(await textOf(request));
}

/**
 * Reads a request of a program; nothing at all counts as an empty object.
 * @throws {AppError} INPUT_INVALID
 */
export async function jsonOf(request: HttpRequest): Promise<unknown> {
  const text = await textOf(request);
  try {
    return text === "" ? {} : JSON.parse(text);
  } catch {
    throw new AppError("INPUT_INVALID", "The request is not JSON");
  }
}

async function textOf(request: HttpRequest): Promise<string> {
  const text = await request.text();
  if (Buffer.byteLength(text) <= BODY_LIMIT_BYTES) return text;
  throw new AppError("INPUT_INVALID", "The request is larger than any that belongs here");
}

/** A cookie of the request. */
export function cookieOf(request: HttpRequest, name: string): string | undefined {
  for (const pair of (request.headers.get("cookie") ?? "").split(";")) {
    const [key, ...value] = pair.trim().split("=");
    if (key === name) return decoded(value.join("="));
  }
  return undefined;
}

/** What cannot be decoded was not written by us. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
