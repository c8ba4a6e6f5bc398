import { createHash, randomBytes, randomUUID } from "node:crypto";
import type { Account, Application } from "./entra-directory.ts";
import { EntraError } from "./entra-errors.ts";
import type { Signer } from "./entra-signing.ts";

/** https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow: about 10 minutes. */
const CODE_LIFE_MS = 10 * 60_000;

/** From the issue of each token, however often it is used. https://learn.microsoft.com/entra/identity-platform/refresh-tokens */
const REFRESH_TOKEN_LIFE_MS = 90 * 24 * 60 * 60_000;

/** 60 to 90 minutes, drawn at random. https://learn.microsoft.com/entra/identity-platform/access-tokens#token-lifetime */
const SHORTEST_ACCESS_TOKEN_LIFE_SECONDS = 60 * 60;
const LONGEST_ACCESS_TOKEN_LIFE_SECONDS = 90 * 60;

/** What a person agreed to at the sign-in; every token of the grant goes back to it. */
export interface SignIn {
  readonly clientId: string;
  readonly oid: string;
  /** The `scope` parameter of the authorization request. */
  readonly scope: string;
  readonly redirectUri: string;
  readonly nonce: string | undefined;
  readonly codeChallenge: string | undefined;
  readonly codeChallengeMethod: string | undefined;
}

interface RefreshToken {
  readonly signIn: SignIn;
  readonly issuedAt: number;
}

/** What an access token allows, as Graph reads it. */
export interface AccessTokenDescription {
  /** The person's object id, or the service principal's for a token without a person. */
  readonly oid: string;
  readonly tenantId: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly roles: readonly string[];
  readonly audience: string;
  readonly expiresAt: Date;
}

export interface Tokens {
  issueCode(signIn: SignIn): string;
  /** What the code stands for; marks nothing. */
  code(value: string): SignIn;
  markRedeemed(code: string): void;
  issueRefreshToken(signIn: SignIn): string;
  refreshToken(value: string): RefreshToken;
  issueAccessToken(
    token: Pick<AccessTokenDescription, "oid" | "tenantId" | "clientId" | "scopes" | "roles" | "audience">,
  ): { readonly value: string; readonly lifeSeconds: number };
  issueIdToken(account: Account, application: Application, nonce: string | undefined): string;
  describeAccessToken(value: string): AccessTokenDescription | undefined;
  /** Ends all codes and refresh tokens of the account. Access tokens live on. */
  revoke(oid: string): void;
  readonly refreshTokensIssued: number;
}

interface TokensOptions {
  readonly signer: Signer;
  /** Of id tokens. */
  issuerOf(tenantId: string): string;
  random(): number;
}

export function createTokens({ signer, issuerOf, random }: TokensOptions): Tokens {
  const codes = new Map<string, { readonly signIn: SignIn; readonly issuedAt: number; redeemed: boolean }>();
  const refreshTokens = new Map<string, RefreshToken & { revokedAt?: number }>();

  function code(value: string): SignIn {
    const issued = codes.get(value);
    if (issued === undefined) throw new EntraError(9002313);
    if (issued.redeemed) throw new EntraError(54005);
    if (Date.now() - issued.issuedAt > CODE_LIFE_MS) throw new EntraError(70008);
    return issued.signIn;
  }

  function refreshToken(value: string): RefreshToken {
    const issued = refreshTokens.get(value);
    if (issued === undefined) throw new EntraError(9002313);
    const issuedAt = withTicks(issued.issuedAt);
    if (issued.revokedAt !== undefined) {
      throw new EntraError(50173, { issuedAt, validFrom: withTicks(issued.revokedAt) });
    }
    if (Date.now() - issued.issuedAt > REFRESH_TOKEN_LIFE_MS) throw new EntraError(700082, { issuedAt });
    return issued;
  }

  return {
    issueCode(signIn) {
      const value = `1.A${randomBytes(200).toString("base64url")}`;
      codes.set(value, { signIn, issuedAt: Date.now(), redeemed: false });
      return value;
    },
    code,
    markRedeemed(value) {
      const issued = codes.get(value);
      if (issued !== undefined) issued.redeemed = true;
    },
    issueRefreshToken(signIn) {
      const value = `1.A${randomBytes(300).toString("base64url")}`;
      refreshTokens.set(value, { signIn, issuedAt: Date.now() });
      return value;
    },
    refreshToken,
    issueAccessToken({ oid, tenantId, clientId, scopes, roles, audience }) {
      const spread = LONGEST_ACCESS_TOKEN_LIFE_SECONDS - SHORTEST_ACCESS_TOKEN_LIFE_SECONDS;
      const lifeSeconds = SHORTEST_ACCESS_TOKEN_LIFE_SECONDS + Math.floor(random() * spread);
      const issuedAt = Math.floor(Date.now() / 1000);
      const value = signer.sign({
        aud: audience,
        iss: `https://sts.windows.net/${tenantId}/`,
        iat: issuedAt,
        nbf: issuedAt,
        exp: issuedAt + lifeSeconds,
        appid: clientId,
        oid,
        tid: tenantId,
        ...(scopes.length > 0 && { scp: scopes.join(" ") }),
        ...(roles.length > 0 && { roles }),
        uti: randomUUID(),
        ver: "1.0",
      });
      return { value, lifeSeconds };
    },
    issueIdToken(account, { clientId, roleAssignments }, nonce) {
      const roles = roleAssignments?.[account.oid];
      const issuedAt = Math.floor(Date.now() / 1000);
      return signer.sign({
        iss: issuerOf(account.tenantId),
        aud: clientId,
        iat: issuedAt,
        nbf: issuedAt,
        exp: issuedAt + SHORTEST_ACCESS_TOKEN_LIFE_SECONDS,
        // Pairwise: another application sees another `sub` for the same person.
        sub: createHash("sha256").update(`${clientId} ${account.oid}`).digest("base64url"),
        oid: account.oid,
        tid: account.tenantId,
        preferred_username: account.userName,
        name: account.name,
        ...(nonce !== undefined && { nonce }),
        // https://learn.microsoft.com/entra/identity-platform/howto-add-app-roles-in-apps: absent where there is none
        ...(roles !== undefined && roles.length > 0 && { roles }),
        uti: randomUUID(),
        ver: "2.0",
      });
    },
    describeAccessToken(value) {
      const claims = signer.verify(value);
      if (claims?.ver !== "1.0") return undefined;
      const scopes = typeof claims.scp === "string" ? claims.scp.split(" ") : [];
      return {
        oid: String(claims.oid),
        tenantId: String(claims.tid),
        clientId: String(claims.appid),
        scopes,
        roles: Array.isArray(claims.roles) ? claims.roles.map(String) : [],
        audience: String(claims.aud),
        expiresAt: new Date(Number(claims.exp) * 1000),
      };
    },
    revoke(oid) {
      for (const [value, issued] of codes) if (issued.signIn.oid === oid) codes.delete(value);
      for (const issued of refreshTokens.values()) {
        if (issued.signIn.oid === oid) issued.revokedAt ??= Date.now();
      }
    },
    get refreshTokensIssued() {
      return refreshTokens.size;
    },
  };
}

/** .NET's way to write a moment, seven digits after the point. */
function withTicks(ms: number): string {
  return new Date(ms).toISOString().replace("Z", "0000Z");
}
