import { createHash } from "node:crypto";
import { html, raw } from "hono/html";
import type { HostCookie } from "./session/host-cookie.ts";
import type { Session } from "./session/sessions.ts";
import { STYLE } from "./style.ts";
import type { Urls } from "./urls.ts";

/** A piece of HTML in which every value from outside has been escaped. */
export type Html = ReturnType<typeof html>;

/** What surrounds a page. */
export interface PageContext {
  readonly urls: Urls;
  /** Further links for the foot. */
  readonly links: Readonly<Record<string, string>>;
  /** Who looks at the page; undefined on pages that need no sign-in. */
  readonly session: Session | undefined;
}

interface Page {
  readonly title: string;
  readonly body: Html;
  /** The browser goes there by itself after so many seconds. */
  readonly refresh?: { readonly seconds: number; readonly url: string };
}

/** A file on its way. */
export interface SizedBody {
  readonly size: number;
  readonly stream: ReadableStream<Uint8Array>;
}

/** An answer, ready for any HTTP function. */
export interface WebAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | SizedBody;
  readonly cookies?: readonly HostCookie[];
}

/** An HTML answer. */
export interface HtmlAnswer extends WebAnswer {
  readonly body: string;
}

/** Name of the field that proves a form to be ours. */
export const FORM_TOKEN = "form-token";

/**
 * What holds for every answer, page or JSON. Without TLS, browsers take no notice of the promise of TLS.
 * https://cheatsheetseries.owasp.org/cheatsheets/HTTP_Headers_Cheat_Sheet.html
 */
export const SECURITY_HEADERS = {
  "cache-control": "no-store",
  "strict-transport-security": "max-age=31536000",
  "x-content-type-options": "nosniff",
};

/** An envelope, within the page, so that browsers ask for no other. */
const ICON = `data:image/svg+xml,${encodeURIComponent('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path d="M3 6h18v12H3zm.5 1 8.5 6.5L20.5 7" fill="none" stroke="#4a7bd0" stroke-width="2"/></svg>')}`;
const STYLE_HASH = createHash("sha256").update(STYLE).digest("base64");

/**
 * Nothing is loaded, framed or kept, and no other site learns the page's address, which can carry an invitation. To
 * ourselves the browser must say where a form comes from: with "no-referrer" it would send `Origin: null`.
 * https://fetch.spec.whatwg.org/#append-a-request-origin-header
 */
const headers = (origin: string): Readonly<Record<string, string>> => ({
  ...SECURITY_HEADERS,
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; img-src data:; form-action 'self' ${origin}; base-uri 'none'; frame-ancestors 'none'`,
  "cross-origin-opener-policy": "same-origin",
  "referrer-policy": "same-origin",
});

/** Of a mail as a file: a browser neither shows it nor runs what is in it. */
export const downloadHeaders = (fileName: string) => ({
  ...SECURITY_HEADERS,
  "content-type": "message/rfc822",
  "content-disposition": `attachment; filename="${fileName}"`,
  "content-security-policy": "default-src 'none'; sandbox",
});

/** Sends the browser on to a URL of `urls.ts` or of Microsoft, with GET. What is there does not learn whence. */
export function redirectTo(url: string, cookies: readonly HostCookie[] = []): WebAnswer {
  return { status: 303, headers: { ...SECURITY_HEADERS, "referrer-policy": "no-referrer", location: url }, cookies };
}

/** A form of one button, with what proves that it is ours. */
export function buttonForm(
  session: Session | undefined,
  { action, label, about = "", main = false }: { action: string; label: string; about?: string; main?: boolean },
): Html {
  const name = about === "" ? "" : html` aria-label="${label} ${about}"`;
  return html`<form method="post" action="${action}">${formToken(session)}<button${main ? html` class="main"` : ""}${name}>${label}</button></form>`;
}

/** The field that every form of a signed-in person carries. */
export function formToken(session: Session | undefined): Html {
  return html`${session === undefined ? "" : html`<input type="hidden" name="${FORM_TOKEN}" value="${session.formToken}">`}`;
}

/** Lays a page out. Without a context it has no links: the configuration may be what is wrong. */
export async function htmlAnswer(
  status: number,
  context: PageContext | undefined,
  { title, body, refresh }: Page,
): Promise<HtmlAnswer> {
  const foot = Object.entries(context?.links ?? {}).map(([name, url]) => html`<a href="${url}">${name}</a> `);
  const page = await html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${refresh === undefined ? "" : html`<meta http-equiv="refresh" content="${refresh.seconds};url=${refresh.url}">`}
<title>${title} · Deskpost</title>
<link rel="icon" href="${ICON}">
<style>${raw(STYLE)}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<header><svg viewBox="0 0 24 24" width="28" height="28" aria-hidden="true"><path d="M3 6.5h18v11H3z" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linejoin="round"/><path d="m3.5 7 8.5 6.5L20.5 7" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linejoin="round"/></svg><span>Deskpost</span>${navigation(context)}</header>
<main id="main">
<h1>${title}</h1>
${body}
</main>
<footer>${foot}</footer>
</body>
</html>`;
  return { status, headers: headers(context?.urls.origin ?? ""), body: String(page) };
}

/** What is there for somebody who is signed in. */
function navigation(context: PageContext | undefined): Html {
  if (context?.session === undefined) return html``;
  const { urls, session } = context;
  const places = { Mailboxes: urls.mailboxes, "Add a mailbox": urls.newMailbox };
  return html`<nav aria-label="Pages">${Object.entries(places).map(([name, url]) => html`<a href="${url}">${name}</a> `)}</nav>
<div class="who"><small>${session.userName}</small> ${buttonForm(session, { action: urls.signOut, label: "Sign out" })}</div>`;
}
