import type { SeenRequest } from "../stand-in.ts";
import { accessDenied, claimsChallenge, invalidToken } from "./graph-errors.ts";
import type { MailboxOptions } from "./graph-mailbox.ts";

/** What the issuer of an access token says about it. */
export interface AccessTokenDetails {
  /** Object id of the account, or of the service principal for an app-only token. */
  readonly oid: string;
  readonly tenantId: string;
  /** The resource that it was issued for; without one, it fits. */
  readonly audience?: string;
  /** Delegated permissions. */
  readonly scopes: readonly string[];
  /** App-only permissions. */
  readonly roles: readonly string[];
  readonly expiresAt: Date;
  /** Refused although it is within its time: these claims (JSON) must be met first, by a new token. */
  readonly claimsChallenge?: string;
}

export type DescribeAccessToken = (token: string) => AccessTokenDetails | undefined;

const GRAPH_AUDIENCES: readonly string[] = ["https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000"];

/** Reads the bearer token of a request; throws the 401 that fits. */
export function authenticate(request: SeenRequest, describeAccessToken: DescribeAccessToken): AccessTokenDetails {
  const token = /^Bearer\s+(.+)$/i.exec(request.headers.authorization ?? "")?.[1];
  if (token === undefined) throw invalidToken("Access token is empty.");
  const details = describeAccessToken(token);
  if (details === undefined) throw invalidToken("Access token has expired or is not yet valid.");
  if (details.audience !== undefined && !GRAPH_AUDIENCES.includes(details.audience)) {
    throw invalidToken("Access token validation failure. Invalid audience.");
  }
  if (details.expiresAt.getTime() <= Date.now()) {
    throw invalidToken("Lifetime validation failed, the token is expired.");
  }
  if (details.claimsChallenge !== undefined) throw claimsChallenge(details.claimsChallenge);
  return details;
}

/**
 * Lets the owner in with `Mail.*`, the delegates of a shared mailbox with `Mail.*.Shared`, an app with its role; throws
 * the 403 for everybody else. https://learn.microsoft.com/graph/outlook-share-messages-folders
 */
export function authorize(
  { oid, scopes, roles }: AccessTokenDetails,
  { ownerOid, delegates = [], readers = [] }: MailboxOptions,
  { writes }: { readonly writes: boolean },
): void {
  const permissions = writes ? ["Mail.ReadWrite"] : ["Mail.Read", "Mail.ReadWrite"];
  const isShared = delegates.includes(oid) || (readers.includes(oid) && !writes);
  const allowed = permissions.some(
    (permission) =>
      roles.includes(permission) ||
      (oid === ownerOid && scopes.includes(permission)) ||
      (isShared && scopes.includes(`${permission}.Shared`)),
  );
  if (!allowed) throw accessDenied();
}
