import { randomBytes } from "node:crypto";

export type GrantKind = "owner" | "application";

/** What consent gave for one mailbox, without the secret values: those lie in Key Vault. */
export interface Grant {
  readonly mailboxId: string;
  /**
   * owner: an account signed in, and a refresh token keeps the access; application: an administrator granted it to the
   * app itself, and there is neither an account nor a refresh token.
   */
  readonly kind: GrantKind;
  /** Names this consent; a new one is drawn at each, and secret names are made from it, so that no name comes twice. */
  readonly generation: string;
  readonly tenantId: string;
  /** Object id of the account that signed in; "" where none did. */
  readonly objectId: string;
  /** For display only; it can change. */
  readonly userName: string;
  readonly scopes: readonly string[];
  /** Of the refresh token; "" where there is none. */
  readonly secretName: string;
  readonly secretVersion: string;
  /** The version before, which stays enabled; "" where there is none. */
  readonly secretVersionBefore: string;
  /** Versions that were stored under this name. */
  readonly secretVersions: number;
  /** When the stored refresh token was issued. It lives 90 days from then, however often it is used. */
  readonly refreshTokenSavedAt: Date;
  /** Sealed, see token-sealer.ts. */
  readonly accessToken: string | undefined;
  readonly expiresAt: Date;
  /** From here on the token is renewed ahead of its end. */
  readonly refreshAt: Date;
  /** Refreshes that failed in a row. */
  readonly failures: number;
  /** Not to be tried before this moment. */
  readonly nextAttemptAt: Date | undefined;
  /** What the next sign-in must prove, as JSON, where Entra said so when it refused. */
  readonly claims: string | undefined;
  /** Entra said no, finally: the grant is dead until somebody consents again. */
  readonly refused: boolean;
  /** Until then one run alone refreshes. */
  readonly leaseUntil: Date | undefined;
}

export interface StoredGrant extends Grant {
  readonly etag: string;
}

/** What a write may change. `undefined` removes the value. */
export type GrantChanges = Partial<Omit<Grant, "mailboxId" | "generation">>;

/**
 * Keeps grants: their rows in a table, their refresh tokens in Key Vault.
 * Each write depends on the ETag that was read, and throws `RowChangedError` where somebody was faster.
 */
export interface GrantStore {
  read(mailboxId: string): Promise<StoredGrant | undefined>;
  list(): Promise<StoredGrant[]>;
  /** Stores a new refresh token value under the grant's secret name; gives the version. */
  saveRefreshToken(secretName: string, refreshToken: string, endsAt: Date): Promise<string>;
  /** The refresh token of this version, or the newest there is; `undefined` where none is stored. */
  refreshToken(
    secretName: string,
    version?: string,
  ): Promise<{ readonly value: string; readonly version: string } | undefined>;
  /** Puts the grant in the place of whatever the mailbox had before. */
  replace(grant: Grant): Promise<StoredGrant>;
  update(grant: StoredGrant, changes: GrantChanges): Promise<StoredGrant>;
  /** Disables a version that nothing points at any more. */
  disableRefreshToken(secretName: string, version: string): Promise<void>;
  /** Removes a refresh token that no grant points at any more. The vault's soft delete keeps it recoverable for a while. */
  forgetRefreshToken(secretName: string): Promise<void>;
  /** Removes the refresh token, then the row that names it: what breaks off in between can be done again. */
  remove(mailboxId: string): Promise<void>;
}

/** Names a consent, or a series of versions: drawn at random, so that no secret name comes twice. */
export function newGeneration(): string {
  return randomBytes(8).toString("hex");
}

/** The name of the secret that holds a mailbox's refresh tokens. */
export function secretNameOf(mailboxId: string, generation: string): string {
  return `refresh-token-${mailboxId}-${generation}`;
}
