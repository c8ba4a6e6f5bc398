/** Keeps cookies by the rules that browsers have for them, as far as a sign-in depends on them. */
export interface CookieJar {
  /** Takes the `Set-Cookie` lines of an answer that came from this URL. */
  store(url: URL, setCookieLines: readonly string[]): void;
  /** The `Cookie` header for a request; `undefined` when no cookie goes with it. */
  headerFor(url: URL, request: { readonly method: string; readonly fromSite: string | undefined }): string | undefined;
}

interface Cookie {
  readonly name: string;
  readonly value: string;
  readonly host: string;
  readonly path: string;
  readonly secure: boolean;
  readonly sameSite: string;
  readonly endsAt: number;
}

/** What browsers treat like https. https://www.w3.org/TR/secure-contexts/#is-origin-trustworthy */
const TRUSTWORTHY_HOSTS = new Set(["localhost", "127.0.0.1"]);

/** Cookies belong to hosts, not to ports: https://www.rfc-editor.org/rfc/rfc6265#section-8.5 */
export function createCookieJar(): CookieJar {
  let cookies: Cookie[] = [];

  function storeOne(url: URL, line: string): void {
    const cookie = readCookie(url, line);
    if (cookie === undefined) return;
    cookies = cookies.filter(
      ({ name, host, path }) => name !== cookie.name || host !== cookie.host || path !== cookie.path,
    );
    cookies.push(cookie);
  }

  return {
    store: (url, lines) => {
      for (const line of lines) storeOne(url, line);
    },
    headerFor: (url, { method, fromSite }) => {
      const isCrossSite = fromSite !== undefined && fromSite !== siteOf(url);
      const sent = cookies.filter(
        ({ host, path, secure, sameSite, endsAt }) =>
          host === url.hostname &&
          url.pathname.startsWith(path) &&
          (!secure || isSecure(url)) &&
          endsAt > Date.now() &&
          (!isCrossSite || goesAcrossSites(sameSite, method)),
      );
      return sent.length === 0 ? undefined : sent.map(({ name, value }) => `${name}=${value}`).join("; ");
    },
  };
}

/** Scheme and host: enough here, where no two hosts share a registrable domain. */
export function siteOf(url: URL): string {
  return `${url.protocol}//${url.hostname}`;
}

/** Without the attribute a cookie is Lax: it goes along with a link, never with a form posted by another site. */
function goesAcrossSites(sameSite: string, method: string): boolean {
  return sameSite === "none" || (sameSite === "lax" && method === "GET");
}

function isSecure(url: URL): boolean {
  return url.protocol === "https:" || TRUSTWORTHY_HOSTS.has(url.hostname);
}

/** `undefined` for a cookie that a browser would refuse. */
function readCookie(url: URL, line: string): Cookie | undefined {
  const [pair = "", ...rest] = line.split(";");
  const equals = pair.indexOf("=");
  if (equals < 1) return undefined;
  const name = pair.slice(0, equals).trim();
  const attributes = new Map(
    rest.map((part) => {
      const [key = "", ...value] = part.split("=");
      return [key.trim().toLowerCase(), value.join("=").trim()] as const;
    }),
  );
  const secure = attributes.has("secure");
  const path = attributes.get("path") || "/";
  const sameSite = attributes.get("samesite")?.toLowerCase() ?? "lax";
  if (attributes.has("domain")) return undefined;
  if (secure && !isSecure(url)) return undefined;
  // https://www.rfc-editor.org/rfc/rfc6265bis (4.1.3): such a name promises Secure, this very host and the path "/".
  if (name.startsWith("__Host-") && !(secure && path === "/")) return undefined;
  if (sameSite === "none" && !secure) return undefined;
  return {
    name,
    value: pair.slice(equals + 1).trim(),
    host: url.hostname,
    path,
    secure,
    sameSite,
    endsAt: endOf(attributes),
  };
}

function endOf(attributes: ReadonlyMap<string, string>): number {
  const maxAge = attributes.get("max-age");
  if (maxAge !== undefined) return Date.now() + Number(maxAge) * 1_000;
  const expires = attributes.get("expires");
  return expires === undefined ? Number.POSITIVE_INFINITY : Date.parse(expires);
}
