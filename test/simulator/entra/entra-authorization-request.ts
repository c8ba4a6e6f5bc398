import { type Application, applicationName, type PathTenant } from "./entra-directory.ts";
import { EntraError } from "./entra-errors.ts";
import { parseScopes, type Scope } from "./entra-permissions.ts";

type ResponseMode = "query" | "form_post";

/** Where the answer to an authorization request goes. */
export interface ReplyAddress {
  readonly redirectUri: string;
  readonly responseMode: ResponseMode;
  readonly state: string | undefined;
}

type ResponseType = "code" | "id_token";

/** An authorization request that is in order. */
export interface AuthorizationRequest extends ReplyAddress {
  readonly responseType: ResponseType;
  readonly segment: string;
  readonly tenant: PathTenant;
  readonly application: Application;
  readonly scope: string;
  readonly scopes: readonly Scope[];
  readonly prompt: string | undefined;
  readonly loginHint: string | undefined;
  readonly nonce: string | undefined;
  readonly codeChallenge: string | undefined;
  readonly codeChallengeMethod: string | undefined;
}

/** Throws what Entra shows as a page: until the redirect URI is known to be the application's, nothing goes there. */
export function readReplyAddress(query: URLSearchParams, application: Application): ReplyAddress {
  const { clientId, redirectUris } = application;
  const redirectUri = query.get("redirect_uri");
  if (redirectUri === null || redirectUri === "") throw new EntraError(900971);
  if (!redirectUris.some((registered) => isSameAddress(registered, redirectUri))) {
    throw new EntraError(50011, { redirectUri, clientId });
  }
  const mode = query.get("response_mode") ?? "query";
  if (mode !== "query" && mode !== "form_post") throw new EntraError(70007, { mode });
  return { redirectUri, responseMode: mode, state: query.get("state") ?? undefined };
}

/**
 * Case matters; only the port of http://localhost does not.
 * https://learn.microsoft.com/entra/identity-platform/reply-url#localhost-exceptions
 */
function isSameAddress(registered: string, asked: string): boolean {
  return withoutLocalPort(registered) === withoutLocalPort(asked);
}

function withoutLocalPort(address: string): string {
  return address.replace(/^(http:\/\/localhost):\d+/, "$1");
}

/** Throws what Entra tells the application at its redirect URI. */
export function readAuthorizationRequest(
  query: URLSearchParams,
  reply: ReplyAddress,
  place: Pick<AuthorizationRequest, "application" | "tenant" | "segment">,
): AuthorizationRequest {
  const responseType = query.get("response_type") ?? "";
  if (responseType === "") throw new EntraError(900144, { name: "response_type" });
  // https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#enable-id-tokens
  const isIdToken = responseType === "id_token" && place.application.issuesIdTokens;
  if (responseType !== "code" && !isIdToken) throw new EntraError(700054, { responseType });
  if (isIdToken && reply.responseMode === "query") throw new EntraError(70007, { mode: "query" });
  if (isIdToken && !query.get("nonce")) throw new EntraError(900144, { name: "nonce" });
  const scope = query.get("scope") ?? "";
  if (scope === "") throw new EntraError(900144, { name: "scope" });
  const scopes = parseScopes(scope);
  const unknown = scopes.find(({ permission }) => permission === undefined);
  if (unknown !== undefined) {
    throw new EntraError(650053, { application: applicationName(place.application), scope: unknown.name });
  }
  return {
    ...reply,
    responseType: isIdToken ? "id_token" : "code",
    ...place,
    scope,
    scopes,
    prompt: query.get("prompt") ?? undefined,
    loginHint: query.get("login_hint") ?? undefined,
    nonce: query.get("nonce") ?? undefined,
    codeChallenge: query.get("code_challenge") ?? undefined,
    codeChallengeMethod: query.get("code_challenge_method") ?? undefined,
  };
}
