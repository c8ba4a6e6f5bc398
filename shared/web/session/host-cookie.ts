/** Browsers take such a name only with Secure, the path "/" and no domain. */
export type HostCookieName = `__Host-${string}`;

/** A cookie that is tied to this very host and to TLS, and that no script can read. */
export interface HostCookie {
  readonly name: HostCookieName;
  readonly value: string;
  /** Undefined: until the browser is closed. 0: it is removed. */
  readonly maxAge?: number;
  readonly path: "/";
  readonly secure: true;
  readonly httpOnly: true;
  readonly sameSite: "Lax" | "None";
}

interface HostCookieOptions {
  /** `None` where Microsoft's answer, a form posted from another site, must bring it along; it forces `Secure`. */
  readonly sameSite: HostCookie["sameSite"];
  readonly maxAgeSeconds?: number;
}

/** https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes */
export function hostCookie(
  name: HostCookieName,
  value: string,
  { sameSite, maxAgeSeconds }: HostCookieOptions,
): HostCookie {
  return {
    name,
    value,
    ...(maxAgeSeconds !== undefined && { maxAge: maxAgeSeconds }),
    path: "/",
    secure: true,
    httpOnly: true,
    sameSite,
  };
}
