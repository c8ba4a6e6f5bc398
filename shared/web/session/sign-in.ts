import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { ConfigurationError } from "../../platform/config.ts";
import { AppError, type ErrorCode } from "../../platform/errors.ts";
import type { Log } from "../../telemetry/log.ts";
import { errorFields } from "../../telemetry/log.ts";
import { EntraError } from "../../tokens/entra-errors.ts";
import type { Identity, SignInEndpoint } from "../../tokens/token-endpoint.ts";
import type { CookieSealer } from "./cookie-sealer.ts";
import { type HostCookie, type HostCookieName, hostCookie } from "./host-cookie.ts";
import type { Revocations } from "./revocations-table.ts";
import type { Sessions } from "./sessions.ts";

/** The app role that lets somebody in. It is declared in the app registration and assigned in Entra. */
export const ADMIN_ROLE = "Deskpost.Admin";
/** A person has this long between leaving for Microsoft and coming back. */
const SIGN_IN_LIFE_MS = 10 * 60_000;
/** Codes of errors that say that Entra, or Key Vault, does not give us what a code is redeemed with. */
const OWN_CREDENTIAL_CODES: ReadonlySet<ErrorCode> = new Set([
  "APP_MISCONFIGURED",
  "CONFIGURATION_INVALID",
  "KEY_VAULT_UNAVAILABLE",
]);
/** No `offline_access`: nothing of Microsoft's is kept, only who it was. */
const SCOPES = ["openid", "profile"];

export interface SignInDeps {
  readonly endpoint: SignInEndpoint;
  readonly sealer: CookieSealer;
  readonly sessions: Sessions;
  readonly revocations: Pick<Revocations, "revoke">;
  /** The tenant whose administrators may come in. */
  readonly tenant: string | undefined;
  readonly redirectUrl: string;
  readonly log: Log;
  readonly now: () => Date;
}

interface SignInStart {
  readonly location: URL;
  readonly cookie: HostCookie;
}

interface SignInCallback {
  readonly parameters: URLSearchParams;
  /** Gives a cookie of the request. */
  readonly cookie: (name: string) => string | undefined;
}

/** Why nobody was let in. The page finds its words by this. */
export type SignInRefusal =
  | { readonly reason: "other-browser" | "expired" | "declined" }
  | { readonly reason: "microsoft-error"; readonly error: string }
  | { readonly reason: "token-refused"; readonly message: string }
  | { readonly reason: "other-tenant" | "no-role"; readonly userName: string };

type SignInResult =
  | { readonly kind: "signed-in"; readonly returnTo: string; readonly cookies: readonly HostCookie[] }
  /** Microsoft refuses our own credential: the browser goes there once more, for an answer that needs none. */
  | { readonly kind: "once-more"; readonly location: URL; readonly cookies: readonly HostCookie[] }
  | ({ readonly kind: "refused"; readonly cookies: readonly HostCookie[] } & SignInRefusal);

/** Signs administrators in to Deskpost's own pages. */
export interface SignIn {
  /**
   * @param returnTo a path of ours
   * @param chooseAccount lets the person choose, even where one account is signed in at Microsoft
   */
  start(returnTo: string, chooseAccount: boolean): Promise<SignInStart>;
  finish(callback: SignInCallback): Promise<SignInResult>;
  /** Where the browser ends its session at Microsoft. */
  signOutUrl(): Promise<URL>;
}

const contents = z.object({
  key: z.string(),
  tenantId: z.string(),
  nonce: z.string(),
  /** "" where the answer is an id token. */
  codeVerifier: z.string(),
  returnTo: z.string(),
  startedAt: z.number(),
});

/**
 * OpenID Connect with PKCE, state and nonce. What has to be remembered until Microsoft answers lies in the browser,
 * sealed: nobody who is not signed in makes us store anything. An answer counts once, because its code does.
 *
 * Where Microsoft refuses our own credential, no code can be redeemed, and the page that says so could not be reached. Then
 * the same is asked for once more as an id token by form_post, guarded by state and nonce, and noted as used.
 * https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc
 */
export function createSignIn(deps: SignInDeps): SignIn {
  const { endpoint, sealer, sessions, revocations, redirectUrl, now, log } = deps;

  function tenant(): string {
    if (deps.tenant !== undefined) return deps.tenant;
    const fault = "is missing; put the id of the tenant whose administrators may sign in to the pages";
    throw new ConfigurationError([{ setting: "ADMIN_TENANT", fault }]);
  }

  async function start(returnTo: string, chooseAccount: boolean): Promise<SignInStart> {
    const tenantId = await endpoint.tenantId(tenant());
    const [state, nonce, codeVerifier] = [secret(), secret(), secret()];
    const key = hash(state);
    const location = await endpoint.authorizationUrl({
      tenant: tenantId,
      redirectUrl,
      scopes: SCOPES,
      state,
      nonce,
      codeVerifier,
      loginHint: undefined,
      singleSignOn: !chooseAccount,
      claims: undefined,
    });
    return { location, cookie: await cookieFor({ key, tenantId, nonce, codeVerifier, returnTo }) };
  }

  /** Takes the account that has just signed in. */
  async function startOnceMore({ tenantId, returnTo }: z.infer<typeof contents>): Promise<SignInStart> {
    const [state, nonce] = [secret(), secret()];
    const location = await endpoint.idTokenUrl({ tenant: tenantId, redirectUrl, scopes: SCOPES, state, nonce });
    return { location, cookie: await cookieFor({ key: hash(state), tenantId, nonce, codeVerifier: "", returnTo }) };
  }

  async function cookieFor(started: Omit<z.infer<typeof contents>, "startedAt">): Promise<HostCookie> {
    const value = await sealer.seal("sign-in", { ...started, startedAt: now().getTime() });
    const maxAgeSeconds = SIGN_IN_LIFE_MS / 1_000;
    return hostCookie(cookieName(started.key), value, { sameSite: "None", maxAgeSeconds });
  }

  async function finish({ parameters, cookie }: SignInCallback): Promise<SignInResult> {
    const key = hash(parameters.get("state") ?? "");
    const name = cookieName(key);
    const sealed = cookie(name);
    const found = contents.safeParse(sealed === undefined ? undefined : await sealer.open("sign-in", sealed));
    if (!found.success || !isSame(found.data.key, key)) return refused({ reason: "other-browser" }, []);
    const used = hostCookie(name, "", { sameSite: "None", maxAgeSeconds: 0 });
    const answer = await identify(found.data, parameters);
    if (answer === "without-credential") {
      const { location, cookie: next } = await startOnceMore(found.data);
      return { kind: "once-more", location, cookies: [used, next] };
    }
    if ("reason" in answer) return refused(answer, [used]);
    log.info("signed in", { objectId: answer.objectId });
    return { kind: "signed-in", returnTo: found.data.returnTo, cookies: [await sessions.begin(answer), used] };
  }

  async function identify(
    { key, tenantId, nonce, codeVerifier, startedAt }: z.infer<typeof contents>,
    parameters: URLSearchParams,
  ): Promise<Identity | SignInRefusal | "without-credential"> {
    if (now().getTime() - startedAt > SIGN_IN_LIFE_MS) return { reason: "expired" };
    const error = parameters.get("error");
    if (error === "access_denied") return { reason: "declined" };
    const byIdToken = codeVerifier === "";
    const code = parameters.get(byIdToken ? "id_token" : "code");
    if (error || !code) return { reason: "microsoft-error", error: errorCode(parameters) };
    let identity: Identity;
    try {
      identity = await (byIdToken
        ? endpoint.identifyByIdToken({ tenant: tenantId, nonce, parameters })
        : endpoint.identify({ tenant: tenantId, redirectUrl, code, nonce, codeVerifier }));
    } catch (refusal) {
      if (!(refusal instanceof AppError)) throw refusal;
      log.warn("request failed", errorFields(refusal));
      // Of our own credential: Entra refuses it, or it could not even be read.
      if (!byIdToken && OWN_CREDENTIAL_CODES.has(refusal.code)) return "without-credential";
      if (!(refusal instanceof EntraError)) throw refusal;
      return { reason: "token-refused", message: refusal.message };
    }
    // A code is good once; an id token is good for an hour, so that its sign-in has to be noted as used.
    const end = new Date(startedAt + SIGN_IN_LIFE_MS);
    if (byIdToken && !(await revocations.revoke(key, end))) return { reason: "other-browser" };
    const { userName, roles } = identity;
    // In a tenant of their own anybody can give themselves the role of a multitenant application.
    if (identity.tenantId.toLowerCase() !== tenantId.toLowerCase()) return { reason: "other-tenant", userName };
    if (!roles.includes(ADMIN_ROLE)) return { reason: "no-role", userName };
    return identity;
  }

  function refused(refusal: SignInRefusal, cookies: readonly HostCookie[]): SignInResult {
    log.warn("sign-in refused", { reason: refusal.reason });
    return { kind: "refused", cookies, ...refusal };
  }

  return { start, finish, signOutUrl: () => endpoint.signOutUrl(tenant()) };
}

/** 256 random bits in the alphabet of URLs. */
function secret(): string {
  return randomBytes(32).toString("base64url");
}

function hash(state: string): string {
  return createHash("sha256").update(state).digest("base64url");
}

/** A name per sign-in: tabs that were left open come back all at once. */
function cookieName(key: string): HostCookieName {
  return `__Host-deskpost-sign-in-${key.slice(0, 8)}`;
}

function isSame(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}

/** Only a code goes on from here: the description is text that anybody can put into the answer. */
function errorCode(parameters: URLSearchParams): string {
  const description = parameters.get("error_description") ?? "";
  const error = parameters.get("error") ?? "no_code";
  return /AADSTS\d+/.exec(description)?.[0] ?? error.replace(/[^\w.-]/g, "").slice(0, 60);
}
