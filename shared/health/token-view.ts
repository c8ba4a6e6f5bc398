import { REFRESH_TOKEN_LIFE_MS } from "../tokens/expiry.ts";
import type { Grant } from "../tokens/grant.ts";

/** What is known of a mailbox's tokens, without any secret. */
export interface TokenView {
  readonly userName: string;
  /** End of the access token in hand. */
  readonly goodUntil: Date;
  /** When it is renewed, ahead of that end. */
  readonly refreshAt: Date;
  /** `goodUntil`: its end, should nothing renew it before. `undefined` where the application itself has access. */
  readonly refreshToken: { readonly savedAt: Date; readonly goodUntil: Date } | undefined;
}

export function tokenView(grant: Grant): TokenView {
  const isApplication = grant.kind === "application";
  const savedAt = grant.refreshTokenSavedAt;
  return {
    userName: isApplication ? "an administrator, for the application itself" : grant.userName,
    goodUntil: grant.expiresAt,
    refreshAt: grant.refreshAt,
    refreshToken: isApplication
      ? undefined
      : { savedAt, goodUntil: new Date(savedAt.getTime() + REFRESH_TOKEN_LIFE_MS) },
  };
}
