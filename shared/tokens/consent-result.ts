import type { RefusalClass } from "./entra-errors.ts";

/** Why nothing was stored. The page finds its words by this; each has a test. */
export type ConsentRefusal =
  | { readonly reason: "no-state" | "unknown-state" | "used-state" | "expired-state" | "other-browser" }
  | { readonly reason: "declined" | "microsoft-error"; readonly error: string }
  /** `approvalUrl`: where an administrator approves for the whole organisation. */
  | { readonly reason: "admin-approval-required"; readonly error: string; readonly approvalUrl: string }
  | { readonly reason: "no-code" | "no-refresh-token" | "other-tenant" | "mailbox-removed" | "used-invitation" }
  | { readonly reason: "other-account"; readonly userName: string; readonly userNameBefore: string }
  | { readonly reason: "missing-scopes"; readonly missing: readonly string[] }
  | { readonly reason: "mailbox-not-opened"; readonly userName: string; readonly detail: string }
  /** `folder`: the name under which another mailbox has it. */
  | { readonly reason: "same-folder"; readonly folder: string }
  | { readonly reason: "token-refused"; readonly class: RefusalClass; readonly message: string };

/** `invited`: whoever signed in came by an invitation, and may see nothing of the other pages. */
export type ConsentResult =
  | { readonly kind: "connected"; readonly mailboxId: string; readonly userName: string; readonly invited?: boolean }
  /** Back from the link of `admin-approval-required`, says an address that anybody can write: it proves and changes nothing. */
  | { readonly kind: "approval-ended" }
  | ({ readonly kind: "refused"; readonly mailboxId: string | undefined; readonly invited?: boolean } & ConsentRefusal);

/** Reads what Microsoft sent in place of a code. */
export function refusalOf(error: string, parameters: URLSearchParams, approvalUrl: string): ConsentRefusal {
  const description = parameters.get("error_description") ?? "";
  if (/AADSTS(?:90094|90095)\b/.test(description)) return { reason: "admin-approval-required", error, approvalUrl };
  if (error === "access_denied" || error === "consent_required" || /AADSTS65004\b/.test(description)) {
    return { reason: "declined", error: "access_denied" };
  }
  // Only a code goes on from here: the description is text that anybody can put into the answer.
  return {
    reason: "microsoft-error",
    error: /AADSTS\d+/.exec(description)?.[0] ?? error.replace(/[^\w.-]/g, "").slice(0, 60),
  };
}
