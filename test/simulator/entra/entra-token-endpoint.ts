import { createHash } from "node:crypto";
import { type Answer, json, type SeenRequest } from "../stand-in.ts";
import { type ClientAuthentication, readClientCredential } from "./entra-client-authentication.ts";
import { type Account, type Application, applicationName, type Directory, type PathTenant } from "./entra-directory.ts";
import { EntraError, noStore } from "./entra-errors.ts";
import { GRAPH_RESOURCE, parseScopes, type Scope } from "./entra-permissions.ts";
import type { SignIn, Tokens } from "./entra-tokens.ts";

export type GrantType = "authorization_code" | "refresh_token" | "client_credentials";

/** What tests and the demo can change about the answers. */
export interface TokenEndpointSettings {
  /** The AADSTS number with which refreshes of an account are refused. */
  refusalFor(oid: string): number | undefined;
  /** Whether a refresh brings a new refresh token. */
  rotation: "returns-new" | "returns-none";
  /** Sent as `refresh_in`; some clients got it as a string. */
  refreshIn: number | string | undefined;
}

export interface TokenEndpoint {
  /** Requests by grant type, refused ones too. */
  readonly requests: Readonly<Record<GrantType, number>>;
  answer(request: SeenRequest, segment: string): Answer;
}

interface TokenEndpointOptions {
  readonly directory: Directory;
  readonly tokens: Tokens;
  readonly settings: Readonly<TokenEndpointSettings>;
  readonly authenticateClient: ClientAuthentication;
}

interface TokenRequest {
  readonly form: URLSearchParams;
  readonly segment: string;
  readonly tenant: PathTenant;
  readonly application: Application;
}

/** https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#request-an-access-token-with-a-client_secret */
export function createTokenEndpoint({
  directory,
  tokens,
  settings,
  authenticateClient,
}: TokenEndpointOptions): TokenEndpoint {
  const requests: Record<GrantType, number> = { authorization_code: 0, refresh_token: 0, client_credentials: 0 };

  function answer(request: SeenRequest, segment: string): Answer {
    if (request.method !== "POST") throw new EntraError(900561, { method: request.method });
    const { form } = request;
    const grantType = required(form, "grant_type");
    if (!isGrantType(grantType)) throw new EntraError(70003, { grantType });
    requests[grantType] += 1;
    const tenant = directory.tenantInPath(segment);
    const credential = readClientCredential(request);
    const application = directory.applicationFor(credential.clientId, tenant, segment);
    authenticateClient(credential, application, segment);
    return json(200, grants[grantType]({ form, segment, tenant, application }), noStore);
  }

  function redeemCode({ form, tenant, application }: TokenRequest): object {
    const value = required(form, "code");
    const signIn = tokens.code(value);
    if (signIn.clientId !== application.clientId) throw new EntraError(70000);
    const redirectUri = required(form, "redirect_uri");
    if (signIn.redirectUri !== redirectUri) {
      throw new EntraError(500112, { redirectUri, expected: signIn.redirectUri });
    }
    checkVerifier(signIn, form.get("code_verifier"));
    const account = accountOf(signIn);
    if (tenant !== undefined && tenant.id !== account.tenantId) throw new EntraError(700005);
    const scopes = askedScopes(form.get("scope") ?? signIn.scope, signIn, application);
    tokens.markRedeemed(value);
    return tokenAnswer({ signIn, account, application, scopes, nonce: signIn.nonce, brings: true });
  }

  function refresh({ form, segment, tenant, application }: TokenRequest): object {
    const { signIn, issuedAt } = tokens.refreshToken(required(form, "refresh_token"));
    if (signIn.clientId !== application.clientId) throw new EntraError(70000, {}, "client_mismatch");
    const account = accountOf(signIn);
    const facts = { clientId: application.clientId, application: applicationName(application) };
    const refusal = settings.refusalFor(account.oid);
    if (refusal !== undefined) {
      const times = { issuedAt: new Date(issuedAt).toISOString(), validFrom: new Date().toISOString() };
      throw new EntraError(refusal, { ...facts, ...times, userName: account.userName, tenant: segment });
    }
    if (tenant !== undefined && tenant.id !== account.tenantId) {
      const { userName, tenantId: homeTenant } = account;
      throw new EntraError(50020, { ...facts, userName, homeTenant, tenant: segment });
    }
    const scopes = askedScopes(form.get("scope") ?? signIn.scope, signIn, application);
    const brings = settings.rotation === "returns-new";
    return tokenAnswer({ signIn, account, application, scopes, nonce: undefined, brings });
  }

  function withoutPerson({ form, segment, tenant, application }: TokenRequest): object {
    const scope = required(form, "scope");
    const audience = /^(.+)\/\.default$/.exec(scope)?.[1];
    if (audience === undefined) throw new EntraError(1002012, { scope });
    if (tenant === undefined) throw new EntraError(90002, { tenant: segment });
    const { clientId, roles = [] } = application;
    const oid = servicePrincipalId(clientId, tenant.id);
    const issued = tokens.issueAccessToken({ oid, tenantId: tenant.id, clientId, scopes: [], roles, audience });
    return lifeFields(issued.value, issued.lifeSeconds);
  }

  const grants: Readonly<Record<GrantType, (request: TokenRequest) => object>> = {
    authorization_code: redeemCode,
    refresh_token: refresh,
    client_credentials: withoutPerson,
  };

  function accountOf({ oid }: SignIn): Account {
    const account = directory.account(oid);
    if (account === undefined) throw new EntraError(50034, { userName: oid });
    if (account.disabled) throw new EntraError(50057);
    return account;
  }

  /** The scopes of the request, each of which needs consent. A subset of the consented ones will do. */
  function askedScopes(parameter: string, signIn: SignIn, application: Application): readonly Scope[] {
    const consented = directory.consented(application.clientId, signIn.oid);
    const scopes = parseScopes(parameter);
    const isGranted = ({ name, permission }: Scope) => permission !== undefined && consented.has(name);
    if (scopes.every(isGranted)) return scopes;
    throw new EntraError(65001, { clientId: application.clientId, application: applicationName(application) });
  }

  function tokenAnswer(grant: {
    readonly signIn: SignIn;
    readonly account: Account;
    readonly application: Application;
    readonly scopes: readonly Scope[];
    readonly nonce: string | undefined;
    /** Whether a refresh token comes along, if there is consent to one. */
    readonly brings: boolean;
  }): object {
    const { signIn, account, application, scopes } = grant;
    const { clientId } = signIn;
    const consented = directory.consented(clientId, account.oid);
    // The token carries all that was consented to, not only what this request asks for.
    const granted = parseScopes([...consented].join(" "));
    const inToken = granted.filter(({ name }) => name !== "offline_access").map(({ name }) => name);
    const issued = tokens.issueAccessToken({
      ...account,
      clientId,
      scopes: inToken,
      roles: [],
      audience: GRAPH_RESOURCE,
    });
    const asksForIdToken = scopes.some(({ name }) => name === "openid");
    // A sign-in that did not ask for it gets no refresh token, whatever was consented to before.
    const asked = new Set(parseScopes(signIn.scope).map(({ name }) => name));
    return {
      ...lifeFields(issued.value, issued.lifeSeconds),
      scope: scopeAnswer(scopes, inToken),
      ...(grant.brings &&
        asked.has("offline_access") &&
        consented.has("offline_access") && { refresh_token: tokens.issueRefreshToken(signIn) }),
      ...(asksForIdToken && { id_token: tokens.issueIdToken(account, application, grant.nonce) }),
    };
  }

  function lifeFields(accessToken: string, lifeSeconds: number): object {
    return {
      token_type: "Bearer",
      expires_in: lifeSeconds,
      ext_expires_in: lifeSeconds,
      ...(settings.refreshIn !== undefined && { refresh_in: settings.refreshIn }),
      access_token: accessToken,
    };
  }

  return { requests, answer };
}

function isGrantType(value: string): value is GrantType {
  return value === "authorization_code" || value === "refresh_token" || value === "client_credentials";
}

function required(form: URLSearchParams, name: string): string {
  const value = form.get(name);
  if (value === null || value === "") throw new EntraError(900144, { name });
  return value;
}

function checkVerifier({ codeChallenge, codeChallengeMethod }: SignIn, verifier: string | null): void {
  if (codeChallenge === undefined) return;
  const isPlain = codeChallengeMethod !== "S256";
  const seen = isPlain
    ? verifier
    : createHash("sha256")
        .update(verifier ?? "")
        .digest("base64url");
  if (seen !== codeChallenge) throw new EntraError(501481);
}

/** `offline_access` is never named; the rest in full if the request wrote it in full. */
function scopeAnswer(scopes: readonly Scope[], granted: readonly string[]): string {
  const inFull = scopes.some(({ asked }) => asked.startsWith(`${GRAPH_RESOURCE}/`));
  const openId = new Set(["openid", "profile", "email"]);
  return granted.map((name) => (inFull && !openId.has(name) ? `${GRAPH_RESOURCE}/${name}` : name)).join(" ");
}

/** The same application has another service principal in each tenant. */
function servicePrincipalId(clientId: string, tenantId: string): string {
  const hex = createHash("sha256").update(`${clientId} ${tenantId}`).digest("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    "-",
  );
}
