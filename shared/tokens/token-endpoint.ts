import * as client from "openid-client";
import { isLoopback } from "../platform/base-url.ts";
import { type Outgoing, unwatched } from "../telemetry/outgoing.ts";
import { entraRoute } from "../telemetry/routes.ts";
import type { ClientCredential } from "./client-credential.ts";
import { EntraError } from "./entra-errors.ts";
import { toEntraError } from "./to-entra-error.ts";

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

/** Who signed in, by the id token. */
export interface Identity {
  readonly tenantId: string;
  readonly objectId: string;
  readonly userName: string;
  /** App roles of our own registration that the tenant gave to the account. */
  readonly roles: readonly string[];
}

/** Tokens of a fresh consent, with who gave it. */
interface ConsentAnswer extends TokenAnswer, Omit<Identity, "roles"> {}

interface AuthorizationRequest {
  readonly tenant: string;
  readonly redirectUrl: string;
  readonly scopes: readonly string[];
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  /** Suggests the account; undefined lets the person choose one. */
  readonly loginHint: string | undefined;
  /** Takes the account that is signed in at Microsoft already, where there is just one. */
  readonly singleSignOn?: boolean;
  /** What the sign-in must prove, as JSON, where Entra asked for more. */
  readonly claims: string | undefined;
}

interface IdTokenRequest extends Pick<AuthorizationRequest, "tenant" | "redirectUrl" | "scopes" | "state" | "nonce"> {}

interface IdTokenAnswer {
  readonly tenant: string;
  readonly nonce: string;
  /** The fields of the form that Entra made the browser post. */
  readonly parameters: URLSearchParams;
}

interface AdminConsentRequest {
  readonly tenant: string;
  readonly redirectUrl: string;
  readonly state: string;
  /** Delegated permissions, granted for everybody; without them, what the registration asks for the application itself. */
  readonly scopes?: readonly string[];
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
  adminConsentUrl(request: AdminConsentRequest): URL;
  /** A token of the application itself, by client credentials. */
  applicationToken(request: { tenant: string; claims: string | undefined }): Promise<TokenAnswer>;
}

/** The part of it that signs people in to Deskpost's own pages. */
export interface SignInEndpoint extends Pick<TokenEndpoint, "tenantId" | "authorizationUrl"> {
  /** Redeems a code for who signed in. The tokens that come along are dropped. */
  identify(redemption: CodeRedemption): Promise<Identity>;
  /**
   * A sign-in that Entra answers with the id token itself, by form: it needs no credential of ours.
   * The registration must allow it. https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc
   */
  idTokenUrl(request: IdTokenRequest): Promise<URL>;
  /** Who signed in, by such an answer: signature, issuer, audience, times and nonce are checked. */
  identifyByIdToken(answer: IdTokenAnswer): Promise<Identity>;
  /** Where the browser ends its session at Microsoft. */
  signOutUrl(tenant: string): Promise<URL>;
}

export interface TokenEndpointOptions {
  readonly loginUrl: string;
  readonly clientId: string;
  /** What a token of the application itself is asked for, such as https://graph.microsoft.com/.default */
  readonly applicationScope: string;
  readonly credential: ClientCredential;
  readonly now: () => Date;
  readonly outgoing?: Outgoing;
}

/** The token endpoint through openid-client. */
export function createTokenEndpoint(options: TokenEndpointOptions): TokenEndpoint & SignInEndpoint {
  const { loginUrl, clientId, applicationScope, credential, now, outgoing = unwatched } = options;
  // Metadata is public and rarely changes; it is kept per process only to save a request.
  const metadata = new Map<string, Promise<client.ServerMetadata>>();
  const insecure = isLoopback(new URL(loginUrl)) ? [client.allowInsecureRequests] : [];

  const watched: client.CustomFetch = (url, request) =>
    outgoing({ service: "entra", method: request.method, route: entraRoute(url) }, () =>
      fetch(url, request as RequestInit),
    );

  async function discover(tenant: string): Promise<client.ServerMetadata> {
    // The full address of the document, because the issuer that Entra answers names the tenant by its id, whatever
    // name it was asked by. From here on that issuer is compared exactly.
    const address = new URL(`${loginUrl}/${encodeURIComponent(tenant)}/v2.0/.well-known/openid-configuration`);
    const found = await asked(`find the Microsoft 365 organisation "${tenant}"`, () =>
      client.discovery(address, clientId, undefined, client.None(), {
        timeout: ENTRA_TIMEOUT_SECONDS,
        execute: insecure,
        [client.customFetch]: watched,
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
    // Law 10: Entra may take so long, and no longer.
    made.timeout = ENTRA_TIMEOUT_SECONDS;
    made[client.customFetch] = watched;
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

  async function redeem({ tenant, redirectUrl, code, nonce, codeVerifier }: CodeRedemption) {
    const config = await configuration(tenant, await credential());
    const callback = new URL(redirectUrl);
    callback.searchParams.set("code", code);
    return asked("redeem the sign-in", () =>
      // State was checked, and used up, before this; see consent.ts and sign-in.ts.
      client.authorizationCodeGrant(config, callback, {
        expectedState: client.skipStateCheck,
        expectedNonce: nonce,
        pkceCodeVerifier: codeVerifier,
        idTokenExpected: true,
      }),
    );
  }

  async function idTokenConfiguration(tenant: string): Promise<client.Configuration> {
    const config = await configuration(tenant, client.None());
    client.useIdTokenResponseType(config);
    return config;
  }

  /** Where an administrator consents, Graph's permissions are written in full. */
  function inFull(scope: string): string {
    return /^Mail\./.test(scope) ? applicationScope.replace(/\.default$/, scope) : scope;
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
        ...accountParameter(request),
      });
    },

    async redeemCode(redemption) {
      const answer = await redeem(redemption);
      const { roles: _, ...identity } = identityIn(answer.claims());
      return { ...toTokenAnswer(answer), ...identity };
    },

    identify: async (redemption) => identityIn((await redeem(redemption)).claims()),

    async idTokenUrl({ tenant, redirectUrl, scopes, state, nonce }) {
      return client.buildAuthorizationUrl(await idTokenConfiguration(tenant), {
        redirect_uri: redirectUrl,
        response_mode: "form_post",
        scope: scopes.join(" "),
        state,
        nonce,
      });
    },

    async identifyByIdToken({ tenant, nonce, parameters }) {
      const config = await idTokenConfiguration(tenant);
      const answer = new URL("https://answer.invalid");
      answer.hash = new URLSearchParams({ id_token: parameters.get("id_token") ?? "" }).toString();
      return asked("confirm the sign-in", async () =>
        // State was checked before this; see sign-in.ts.
        identityIn(
          await client.implicitAuthentication(config, answer, nonce, { expectedState: client.skipStateCheck }),
        ),
      );
    },

    async signOutUrl(tenant) {
      const url = (await metadataOf(tenant)).end_session_endpoint;
      return new URL(url ?? `${loginUrl}/${encodeURIComponent(tenant)}/oauth2/v2.0/logout`);
    },

    adminConsentUrl({ tenant, redirectUrl, state, scopes }) {
      const url = new URL(`${loginUrl}/${encodeURIComponent(tenant)}/v2.0/adminconsent`);
      const scope = scopes === undefined ? applicationScope : scopes.map(inFull).join(" ");
      const query = { client_id: clientId, scope, redirect_uri: redirectUrl, state };
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

function accountParameter({ loginHint, singleSignOn = false }: AuthorizationRequest): Record<string, string> {
  if (loginHint !== undefined) return { login_hint: loginHint };
  return singleSignOn ? {} : { prompt: "select_account" };
}

function identityIn(claims: client.IDToken | undefined): Identity {
  const roles: unknown = claims?.roles;
  return {
    tenantId: String(claims?.tid ?? ""),
    objectId: String(claims?.oid ?? ""),
    userName: String(claims?.preferred_username ?? claims?.name ?? ""),
    roles: Array.isArray(roles) ? roles.filter((role) => typeof role === "string") : [],
  };
}
