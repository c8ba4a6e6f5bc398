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

// `app.setup({ enableHttpStream: true })` is not set: requests then go around the host's messages through a proxy into a
// server within the worker, and the library takes the address of a request from X-Forwarded-Host, which anybody can write.
// The forms of this app are small; the one large answer, a mail, is sent by DownloadResponse.
// https://github.com/Azure/azure-functions-nodejs-library/blob/v4.x/src/http/HttpRequest.ts

/** A form of Microsoft or of our own pages, or a mailbox in JSON, has a few kilobytes. */
const BODY_LIMIT_BYTES = 64 * 1024;

const STATUS_OF: Readonly<Partial<Record<AppError["code"], number>>> = {
  INPUT_INVALID: 400,
  NOT_ALLOWED: 403,
  TOO_MANY_SIGN_INS: 429,
  MAILBOX_NOT_FOUND: 404,
  MESSAGE_NOT_FOUND: 404,
  MAILBOX_EXISTS: 409,
  ROW_CHANGED: 409,
  ENTRA_UNAVAILABLE: 502,
};

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly settings?: readonly string[];
}

/** Answers a request with the app; an error of ours becomes a page or JSON that says what to do. */
export async function withHttpApp(
  request: HttpRequest,
  context: InvocationContext,
  work: (app: App) => Promise<WebAnswer>,
  told: (error: unknown) => Refusal = refusalOf,
): Promise<HttpResponseInit | HttpResponse> {
  try {
    return toResponse(await withApp(context, work));
  } catch (error) {
    const { status, ...refusal } = told(error);
    if (wantsPage(request)) return toResponse(await errorPage(status, refusal.message));
    return toResponse(jsonAnswer(status, refusal));
  }
}

/** As `withHttpApp`, for what people from outside open: of a failure within Deskpost they learn that it is not theirs. */
export function withGuestApp(
  request: HttpRequest,
  context: InvocationContext,
  work: (app: App) => Promise<WebAnswer>,
): Promise<HttpResponseInit | HttpResponse> {
  return withHttpApp(request, context, work, guestRefusalOf);
}

function guestRefusalOf(error: unknown): Refusal {
  const refusal = refusalOf(error);
  // A setting at fault is named to everybody, without its value.
  if (isAnswerToARequest(error) || error instanceof ConfigurationError) return refusal;
  const message =
    "Deskpost cannot do this at the moment. It is not your fault, and there is nothing to put right on your side.\nThe link that you were sent still works: open it again later. If this lasts, tell whoever sent it; the function's log says what is wrong.";
  return { status: refusal.status, code: "UNAVAILABLE", message };
}

/** What anybody is told of a failure, whoever they are: never a value of a setting, which the function's log has. */
function refusalOf(error: unknown): Refusal {
  const settings = faultySettings(error);
  if (settings !== undefined) {
    const message = `Deskpost cannot run until its settings are put right: ${settings.join(", ")}. The function's log says what is wrong with each.`;
    return { status: 500, code: "CONFIGURATION_INVALID", message, settings };
  }
  if (error instanceof AppError) {
    return { status: STATUS_OF[error.code] ?? 500, code: error.code, message: error.message };
  }
  const message =
    "Something that Deskpost depends on does not answer. The function's log names it; try again in a minute.";
  return { status: 500, code: "UNAVAILABLE", message };
}

/** The names of the settings that are at fault, without what stands in them; `undefined` for any other error. */
export function faultySettings(error: unknown): readonly string[] | undefined {
  if (!(error instanceof ConfigurationError)) return undefined;
  // Within a setting of JSON the path of a fault names its content.
  return [...new Set(error.faults.map(({ setting }) => setting.split(".")[0] ?? ""))];
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

/** Looks at the announced length first: what is too large is not read. The host's own limit is in infra/function-app.bicep. */
async function textOf(request: HttpRequest): Promise<string> {
  const announced = Number(request.headers.get("content-length") ?? 0);
  const text = announced > BODY_LIMIT_BYTES ? undefined : await request.text();
  if (text !== undefined && Buffer.byteLength(text) <= BODY_LIMIT_BYTES) return text;
  throw new AppError("INPUT_INVALID", "The request is larger than any that belongs here");
}

/**
 * A cookie of the request. Several headers of cookies, as HTTP/2 and proxies send them, come from the host as one that is
 * joined by commas; in a value there is none. https://datatracker.ietf.org/doc/html/rfc6265#section-4.1.1
 */
export function cookieOf(request: HttpRequest, name: string): string | undefined {
  for (const pair of (request.headers.get("cookie") ?? "").split(/[;,]/)) {
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
