import { createHash } from "node:crypto";
import { html, raw } from "hono/html";
import { STYLE } from "./style.ts";

/** A piece of HTML in which every value from outside has been escaped. */
export type Html = ReturnType<typeof html>;

export interface Page {
  /** Origin that forms are posted to. */
  readonly origin: string;
  readonly title: string;
  readonly body: Html;
  /** Seconds until the browser loads the page anew; undefined for never. */
  readonly refreshSeconds?: number;
  readonly links?: Readonly<Record<string, string>>;
}

/** An HTML answer, ready for any HTTP function. */
export interface HtmlAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** An envelope, within the page, so that browsers ask for no other. */
const ICON = `data:image/svg+xml,${encodeURIComponent('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><path d="M3 6h18v12H3zm.5 1 8.5 6.5L20.5 7" fill="none" stroke="#4a7bd0" stroke-width="2"/></svg>')}`;
const STYLE_HASH = createHash("sha256").update(STYLE).digest("base64");

/**
 * Nothing is loaded, framed or kept, and no other site learns the page's address, which can carry a function key. To
 * ourselves the browser must say where a form comes from: with "no-referrer" it would send `Origin: null`.
 * https://fetch.spec.whatwg.org/#append-a-request-origin-header
 */
const headers = (origin: string): Readonly<Record<string, string>> => ({
  "content-type": "text/html; charset=utf-8",
  "content-security-policy": `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; img-src data:; form-action 'self' ${origin}; base-uri 'none'; frame-ancestors 'none'`,
  "cache-control": "no-store",
  "referrer-policy": "same-origin",
  "x-content-type-options": "nosniff",
});

/** Lays a page out. */
export async function htmlAnswer(
  status: number,
  { origin, title, body, refreshSeconds, links = {} }: Page,
): Promise<HtmlAnswer> {
  const foot = Object.entries(links).map(([name, url]) => html`<a href="${url}">${name}</a> `);
  const page = await html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${refreshSeconds === undefined ? "" : html`<meta http-equiv="refresh" content="${refreshSeconds}">`}
<title>${title} · Deskpost</title>
<link rel="icon" href="${ICON}">
<style>${raw(STYLE)}</style>
</head>
<body>
<header><svg viewBox="0 0 24 24" width="28" height="28" aria-hidden="true"><path d="M3 6.5h18v11H3z" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linejoin="round"/><path d="m3.5 7 8.5 6.5L20.5 7" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linejoin="round"/></svg><span>Deskpost</span></header>
<main>
<h1>${title}</h1>
${body}
</main>
<footer>${foot}</footer>
</body>
</html>`;
  return { status, headers: headers(origin), body: String(page) };
}
