import { randomBytes } from "node:crypto";
import { SIGN_IN_SCOPES } from "./mail-scopes.ts";
import type { TokenEndpoint } from "./token-endpoint.ts";

const PROBE_TIMEOUT_MS = 15_000;

/** What Entra makes of our application and redirect URL; `code` is its number, where it names one. */
export type RedirectProbe =
  | { readonly kind: "registered" }
  | { readonly kind: "refused"; readonly code: number }
  | { readonly kind: "unclear" };

/**
 * Asks Entra for a sign-in without a person. Until it has compared the redirect URL it shows a page that names the
 * fault; with the right one it answers there, that somebody would have to sign in.
 * https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#error-codes-for-authorization-endpoint-errors
 */
export function createRedirectProbe(
  endpoint: TokenEndpoint,
  redirectUrl: string,
): (tenant: string) => Promise<RedirectProbe> {
  return async (tenant) => {
    const made = () => randomBytes(32).toString("base64url");
    const url = await endpoint.authorizationUrl({
      tenant,
      redirectUrl,
      scopes: SIGN_IN_SCOPES,
      state: made(),
      nonce: made(),
      codeVerifier: made(),
      loginHint: undefined,
      claims: undefined,
    });
    url.searchParams.set("prompt", "none");
    url.searchParams.set("response_mode", "query");
    try {
      const answer = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
      const text = await answer.text();
      if (answer.headers.get("location")?.startsWith(`${redirectUrl}?`)) return { kind: "registered" };
      const code = /AADSTS(\d+)/.exec(text)?.[1];
      return code === undefined ? { kind: "unclear" } : { kind: "refused", code: Number(code) };
    } catch {
      // A check that cannot be made says nothing: the sign-in itself will tell.
      return { kind: "unclear" };
    }
  };
}
