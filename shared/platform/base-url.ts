const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** True for the addresses that never leave the machine; plain http is allowed there and nowhere else. */
export function isLoopback(url: URL): boolean {
  return LOOPBACK.has(url.hostname);
}

/** What became of a base URL: its origin without a trailing slash, or what is wrong and the exact text to put there. */
export type BaseUrl = { readonly origin: string } | { readonly fault: string };

/**
 * Reads the public address of the app. Upper case and a trailing slash are put right; http, a path, a query or a
 * user name are refused with the text to put instead, because the redirect URL built from it must equal, letter for
 * letter, the one registered at Entra (https://learn.microsoft.com/entra/identity-platform/reply-url).
 */
export function parseBaseUrl(text: string): BaseUrl {
  const trimmed = text.trim();
  const complete = /^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) ? trimmed : `https://${trimmed}`;
  if (!URL.canParse(complete)) return { fault: `"${text}" is not a URL; put https://your-host-name` };

  const url = new URL(complete);
  const scheme = isLoopback(url) && url.protocol === "http:" ? "http" : "https";
  const wanted = `${scheme}://${url.host}`;
  const instead = `put ${wanted}`;

  if (url.username !== "" || url.password !== "") {
    return { fault: `the URL carries a user name or password; ${instead}` };
  }
  if (complete !== trimmed) return { fault: `"${text}" has no scheme; ${instead}` };
  // Law 8: https, but for loopback.
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isLoopback(url))) {
    return { fault: `"${text}" is not https, and only http://localhost and http://127.0.0.1 may be; ${instead}` };
  }
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    return { fault: `"${text}" carries more than a host name; ${instead}` };
  }
  return { origin: url.origin };
}
