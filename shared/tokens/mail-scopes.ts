/** What the tokens are asked for. `offline_access` brings the refresh token. */
export const SIGN_IN_SCOPES = ["openid", "profile", "offline_access"];
/**
 * Bare names mean Graph, in every cloud. The `.Shared` twins let a delegate connect a shared mailbox.
 * https://learn.microsoft.com/graph/outlook-share-messages-folders
 */
const READ_SCOPES = ["Mail.Read", "Mail.Read.Shared"];
const WRITE_SCOPES = ["Mail.ReadWrite", "Mail.ReadWrite.Shared"];

/** Graph's scopes that the mailbox needs. */
export function mailScopes({ writes }: { readonly writes: boolean }): readonly string[] {
  return writes ? WRITE_SCOPES : READ_SCOPES;
}

/** Entra answers names in their full form, such as https://graph.microsoft.com/Mail.Read, or bare. */
export function missingScopes(needed: readonly string[], granted: readonly string[]): string[] {
  const names = new Set(granted.map((scope) => scope.slice(scope.lastIndexOf("/") + 1).toLowerCase()));
  return needed.filter((scope) => !names.has(scope.toLowerCase()));
}
