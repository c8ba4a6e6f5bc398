import type { HttpCookie } from "./functions-core.ts";

/** A `Set-Cookie` line as ASP.NET writes it for the host: attributes in lower case, the path `/` unless it is given. */
export function setCookieLine(cookie: HttpCookie): string {
  const { domain, path, expires, maxAge, secure, httpOnly, sameSite } = cookie;
  const parts = [`${encodeURIComponent(cookie.name)}=${encodeURIComponent(cookie.value)}`];
  if (expires) parts.push(`expires=${new Date(expires.value.seconds * 1_000).toUTCString()}`);
  if (maxAge) parts.push(`max-age=${Math.trunc(maxAge.value)}`);
  if (domain) parts.push(`domain=${domain.value}`);
  parts.push(`path=${path?.value ?? "/"}`);
  if (secure?.value) parts.push("secure");
  if (sameSite === "lax" || sameSite === "strict") parts.push(`samesite=${sameSite}`);
  if (sameSite === "explicitNone") parts.push("samesite=none");
  if (httpOnly?.value) parts.push("httponly");
  return parts.join("; ");
}
