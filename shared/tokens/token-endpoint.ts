import * as client from "openid-client";
import { messageOf } from "../errors.ts";
import { retryAfterMs } from "../retry-after.ts";
import { redact } from "../telemetry/redact.ts";
import { isLoopback } from "../web/base-url.ts";
import type { ClientCredential } from "./client-credential.ts";
import { EntraError } from "./entra-errors.ts";

/** A throttle that Entra dresses up as invalid_grant, without a Retry-After. https://learn.microsoft.com/entra/identity-platform/reference-error-codes */
const LOOP_DETECTED = 50196;
const LOOP_WAIT_MS = 5 * 60_000;
/** Our clock may differ from Microsoft's by this much. An id token is guarded by its nonce, used once, all the same. */
const CLOCK_TOLERANCE_SECONDS = 10 * 60 + 30;
/** One request to Entra may take this long; a refresh lease outlasts two of them. */
const ENTRA_TIMEOUT_SECONDS = 20;

/** An access token as Entra issued it, with the refresh token that came along, if one did. */
export interface TokenAnswer {
  readonly accessToken: string;
  readonly refreshToken: string | undefined;
  readonly lifeSeconds: number;
  readonly refreshInSeconds: number | undefined;
  readonly scopes: readonly string[];
}

/** Tokens of a fresh consent, with who gave it. */
interface ConsentAnswer extends TokenAnswer {
  readonly tenantId: string;
  readonly objectId: string;
  readonly userName: string;
}

interface AuthorizationRequest {
  readonly tenant: string;
  readonly redirectUrl: string;
  readonly scopes: readonly string[];
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  /** Suggests the account; undefined lets the person choose one. */
  readonly loginHint: string | undefined;
  /** What the sign-in must prove, as JSON, where Entra asked for more. */
  readonly claims: string | undefined;
}

interface CodeRedemption {
  readonly tenant: string;
  readonly redirectUrl: string;
  readonly code: string;
  readonly nonce: string;
  readonly codeVerifier: string;
}

interface RefreshRequest {
  readonly tenant: string;
  readonly refreshToken: string;
  readonly scopes: readonly string[];
  /** What the token must prove, as JSON, where Graph asked for more. */
  readonly claims: string | undefined;
}

/** Entra's sign-in and token endpoints. Everything that they refuse arrives as an `EntraError`. */
export interface TokenEndpoint {
  /** The tenant id (GUID) behind a domain or a tenant id. */
  tenantId(tenant: string): Promise<string>;
  authorizationUrl(request: AuthorizationRequest): Promise<URL>;
  redeemCode(redemption: CodeRedemption): Promise<ConsentAnswer>;
  refresh(request: RefreshRequest): Promise<TokenAnswer>;
  /** Where an administrator grants the application its own permissions. https://learn.microsoft.com/entra/identity-platform/v2-admin-consent */
  adminConsentUrl(request: { tenant: string; redirectUrl: string; state: string }): URL;
  /** A token of the application itself, by client credentials. */
  applicationToken(request: { tenant: string; claims: string | undefined }): Promise<TokenAnswer>;
}

export interface TokenEndpointOptions {
  readonly loginUrl: string;
  readonly clientId: string;
  /** What a token of the application itself is asked for, such as https://graph.microsoft.com/.default */
  readonly applicationScope: string;
  readonly credential: ClientCredential;
  readonly now: () => Date;
}

/** The token endpoint through openid-client. */
export function createTokenEndpoint(options: TokenEndpointOptions): TokenEndpoint {
  const { loginUrl, clientId, applicationScope, credential, now } = options;
  // Metadata is public and rarely changes; it is kept per process only to save a request.
  const metadata = new Map<string, Promise<client.ServerMetadata>>();
  const insecure = isLoopback(new URL(loginUrl)) ? [client.allowInsecureRequests] : [];

  async function discover(tenant: string): Promise<client.ServerMetadata> {
    // The full address of the document, because the issuer that Entra answers names the tenant by its id, whatever
    // name it was asked by. From here on that issuer is compared exactly.
    const address = new URL(`${loginUrl}/${encodeURIComponent(tenant)}/v2.0/.well-known/openid-configuration`);
    const found = await asked(`find the Microsoft 365 organisation "${tenant}"`, () =>
      client.discovery(address, clientId, undefined, client.None(), {
        timeout: ENTRA_TIMEOUT_SECONDS,
        execute: insecure,
      }),
    );
    return found.serverMetadata();
  }

  function metadataOf(tenant: string): Promise<client.ServerMetadata> {
    let found = metadata.get(tenant);
    if (found === undefined) {
      found = discover(tenant);
      found.catch(() => metadata.delete(tenant));
      metadata.set(tenant, found);
    }
    return found;
  }

  async function configuration(tenant: string, authentication: client.ClientAuth): Promise<client.Configuration> {
    const tolerance = { [client.clockTolerance]: CLOCK_TOLERANCE_SECONDS };
    const made = new client.Configuration(await metadataOf(tenant), clientId, tolerance, authentication);
    made.timeout = ENTRA_TIMEOUT_SECONDS;
    if (insecure.length > 0) client.allowInsecureRequests(made);
    return made;
  }

  async function asked<T>(what: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw await toEntraError(what, error, now());
    }
  }

  async function tenantId(tenant: string): Promise<string> {
    const { issuer } = await metadataOf(tenant);
    const id = new URL(issuer).pathname.split("/")[1] ?? "";
    if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id)) {
      throw new EntraError(`Microsoft names no single organisation for "${tenant}"; set ENTRA_TENANT to its id`, {
        status: 400,
        error: "invalid_tenant",
        suberror: undefined,
        codes: [90002],
      });
    }
    return id;
  }

  return {
    tenantId,

    async authorizationUrl(request) {
      const config = await configuration(request.tenant, client.None());
      return client.buildAuthorizationUrl(config, {
        redirect_uri: request.redirectUrl,
        // The code then travels in a form, not in a URL that browsers and proxies keep.
        response_mode: "form_post",
        scope: request.scopes.join(" "),
        state: request.state,
        nonce: request.nonce,
        code_challenge: await client.calculatePKCECodeChallenge(request.codeVerifier),
        code_challenge_method: "S256",
        ...(request.claims === undefined ? {} : { claims: request.claims }),
        ...(request.loginHint === undefined ? { prompt: "select_account" } : { login_hint: request.loginHint }),
      });
    },

    async redeemCode({ tenant, redirectUrl, code, nonce, codeVerifier }) {
      const authentication = await credential();
      const config = await configuration(tenant, authentication);
      const callback = new URL(redirectUrl);
      callback.searchParams.set("code", code);
      return asked("redeem the sign-in", async () => {
        // State was checked, and used up, before this; see consent.ts.
        const answer = await client.authorizationCodeGrant(config, callback, {
          expectedState: client.skipStateCheck,
          expectedNonce: nonce,
          pkceCodeVerifier: codeVerifier,
          idTokenExpected: true,
        });
        const claims = answer.claims();
        return {
          ...toTokenAnswer(answer),
          tenantId: String(claims?.tid ?? ""),
          objectId: String(claims?.oid ?? ""),
          userName: String(claims?.preferred_username ?? claims?.name ?? ""),
        };
      });
    },

    adminConsentUrl({ tenant, redirectUrl, state }) {
      const url = new URL(`${loginUrl}/${encodeURIComponent(tenant)}/v2.0/adminconsent`);
      const query = { client_id: clientId, scope: applicationScope, redirect_uri: redirectUrl, state };
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
      return url;
    },

    async applicationToken({ tenant, claims }) {
      const config = await configuration(tenant, await credential());
      return asked("give the application a token", async () =>
        toTokenAnswer(
          await client.clientCredentialsGrant(config, {
            scope: applicationScope,
            ...(claims === undefined ? {} : { claims }),
          }),
        ),
      );
    },

    async refresh({ tenant, refreshToken, scopes, claims }) {
      const config = await configuration(tenant, await credential());
      return asked("renew an access token", async () =>
        // Without the scope Entra answers AADSTS900144 to some applications.
        toTokenAnswer(
          await client.refreshTokenGrant(config, refreshToken, {
            scope: scopes.join(" "),
            ...(claims === undefined ? {} : { claims }),
          }),
        ),
      );
    },
  };
}

function toTokenAnswer(answer: client.TokenEndpointResponse): TokenAnswer {
  // Entra sends refresh_in as a string at times.
  const refreshIn = Number(answer.refresh_in);
  return {
    accessToken: answer.access_token,
    refreshToken: answer.refresh_token || undefined,
    lifeSeconds: answer.expires_in ?? 3_600,
    refreshInSeconds: Number.isFinite(refreshIn) && refreshIn > 0 ? refreshIn : undefined,
    scopes: (answer.scope ?? "").split(" ").filter((scope) => scope !== ""),
  };
}

/** Puts whatever openid-client throws into one form. */
async function toEntraError(what: string, error: unknown, now: Date): Promise<EntraError> {
  const response = responseOf(error);
  const body = error instanceof client.ResponseBodyError ? error.cause : await bodyOf(response);
  const codes = Array.isArray(body.error_codes) ? body.error_codes.filter((code) => typeof code === "number") : [];
  const answer = {
    status: response?.status,
    error: textOf(body.error),
    suberror: textOf(body.suberror),
    codes,
  };
  // The first line of the description is the reason; the rest repeats ids. It may quote what was sent, hence redact().
  const reason = redact((textOf(body.error_description) ?? messageOf(error)).split(/\r?\n| Trace ID:/)[0] ?? "");
  const start = answer.status === undefined ? "Microsoft gave no proper answer when asked to" : "Microsoft refused to";
  return new EntraError(
    `${start} ${what}: ${reason}`,
    answer,
    {
      retryAfterMs:
        retryAfterMs(response?.headers.get("retry-after"), now) ??
        (codes.includes(LOOP_DETECTED) ? LOOP_WAIT_MS : undefined),
      traceId: textOf(body.trace_id),
      correlationId: textOf(body.correlation_id),
      claims: textOf(body.claims),
    },
    // The cause is left out on purpose: openid-client's errors hold the request or the response with its tokens.
  );
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** openid-client hangs the response on the error or on its cause, depending on what was wrong with it. */
function responseOf(error: unknown): Response | undefined {
  const { response, cause } = (error ?? {}) as { response?: unknown; cause?: unknown };
  if (response instanceof Response) return response;
  if (cause instanceof Response) return cause;
  return undefined;
}

async function bodyOf(response: Response | undefined): Promise<Record<string, unknown>> {
  if (response === undefined || response.bodyUsed) return {};
  try {
    return (await response.json()) as Record<string, unknown>;
  } catch {
    // No JSON, such as the plain "Too Many Requests" of a throttle: the status and the headers tell enough.
    return {};
  }
}
