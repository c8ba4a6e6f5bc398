import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { HtmlAnswer } from "../../../shared/web/layout.ts";

/** What holds for every page: nothing runs, nothing is loaded, framed or kept, and nothing from outside became markup. */
export function assertSafePage({ headers, body }: HtmlAnswer, formOrigin: string): void {
  const policy = headers["content-security-policy"] ?? "";
  const style = /<style>(.*?)<\/style>/s.exec(body)?.[1] ?? "";
  const hash = createHash("sha256").update(style).digest("base64");
  assert.deepEqual(
    policy.split(";").map((directive) => directive.trim()),
    [
      "default-src 'none'",
      `style-src 'sha256-${hash}'`,
      "img-src data:",
      `form-action 'self' ${formOrigin}`.trim(),
      "base-uri 'none'",
      "frame-ancestors 'none'",
    ],
    "the style sheet is the one that the policy allows",
  );
  assert.equal(headers["content-type"], "text/html; charset=utf-8");
  assert.equal(headers["cache-control"], "no-store");
  assert.equal(headers["referrer-policy"], "same-origin");
  assert.equal(headers["x-content-type-options"], "nosniff");
  assert.equal(headers["cross-origin-opener-policy"], "same-origin");
  assert.match(headers["strict-transport-security"] ?? "", /^max-age=\d{8}$/);
  assert.match(body, /^<!doctype html>\n<html lang="en">/);
  // What stands in quotes is a value: there the characters of a tag do no harm.
  const tags = body.replaceAll(/="[^"]*"/g, "=");
  const [active] = /<(?:script|img|iframe|object|embed|base)\b|<[^>]*\son\w+=/i.exec(tags) ?? [];
  assert.equal(active, undefined);
  for (const [, address = ""] of body.matchAll(/\b(?:href|action|src)="([^"]*)"/g)) {
    assert.match(address, /^(?:https:\/\/|data:image\/svg\+xml,|#main$)/);
  }
}

/** The words that a person sees. */
export function visibleText({ body }: HtmlAnswer): string {
  return body
    .replace(/<style>.*?<\/style>/s, "")
    .replaceAll(/<[^>]*>/g, " ")
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll(/&#(?:39|x27);/g, "'")
    .replaceAll("&amp;", "&")
    .replaceAll(/\s+/g, " ");
}
