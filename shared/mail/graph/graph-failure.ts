import { retryAfterMs } from "../../platform/retry-after.ts";
import { type GraphAnswer, GraphError } from "../message-source.ts";

interface FailedAnswer {
  readonly request: { readonly method: string; readonly path: string };
  readonly status: number;
  readonly header: (name: string) => string | null | undefined;
  /** Read as JSON; `undefined` where it is none. */
  readonly body: unknown;
  readonly now: Date;
}

/** The most precise code hangs at the end of the chain of inner errors. https://learn.microsoft.com/graph/errors */
function innermostCode(error: unknown): string | undefined {
  let code: string | undefined;
  for (
    let level = error as Record<string, unknown> | undefined;
    level;
    level = (level.innerError ?? level.innererror) as typeof level
  ) {
    if (typeof level.code === "string") code = level.code;
  }
  return code;
}

/** What Graph wrote in words; it is looked at, and never shown, because it can name anything. */
function messageOf(error: unknown): string {
  const { message } = (error ?? {}) as { message?: unknown };
  return typeof message === "string" ? message : "";
}

/** These may come with any status and pass by themselves. */
const PASSING_CODES = new Set([
  "ErrorInternalServerTransientError",
  "ErrorMailboxStoreUnavailable",
  "ErrorMailboxMoveInProgress",
  "MailboxInfoStale",
  "ErrorServerBusy",
]);
const THROTTLE_CODES = new Set(["ApplicationThrottled", "TooManyRequests", "ErrorTooManyObjectsOpened"]);

/** The error for an answer that is no 2xx, be it to a request or to a part of a batch. */
export function graphFailure({ request, status, header, body, now }: FailedAnswer): GraphError {
  const { method, path } = request;
  const graphError = (body as { error?: unknown } | null | undefined)?.error;
  const graphCode = innermostCode(graphError) ?? "";
  const answer: GraphAnswer = {
    status,
    graphCode: graphCode || undefined,
    requestId: header("request-id") ?? undefined,
    retryAfterMs: retryAfterMs(header("retry-after"), now),
  };
  const what =
    `${method} ${path.split("?")[0]?.replace(/\/messages\/(?!delta)[^/]+/, "/messages/…")}: ${status} ${graphCode}`.trimEnd();
  if (status === 429 || THROTTLE_CODES.has(graphCode) || (status >= 500 && answer.retryAfterMs !== undefined)) {
    return new GraphError(
      "GRAPH_THROTTLED",
      `Graph asks to wait (${what}); the mailbox is left alone until then`,
      answer,
    );
  }
  if (status >= 500 || status === 408 || PASSING_CODES.has(graphCode)) {
    return new GraphError("GRAPH_UNAVAILABLE", `Graph failed (${what})`, answer);
  }
  return new GraphError(
    "GRAPH_REFUSED",
    `Graph refused (${what}): ${remedyFor(status, graphCode, messageOf(graphError))}`,
    answer,
  );
}

/** Entra's numbers that may stand in a 401: an application is missing or disabled in the mailbox's tenant. */
const DISABLED_IN_TENANT = new Set(["500011", "500014", "650052", "7000112", "7000229"]);

function remedyFor(status: number, graphCode: string, message: string): string {
  if (status === 401) return unauthorizedRemedy(message);
  if (status === 403) return forbiddenRemedy(graphCode, message);
  if (/^(?:ErrorInvalidUser|Request_ResourceNotFound|ResourceNotFound|ErrorNonExistentMailbox)$/.test(graphCode)) {
    return "no such mailbox; check the address";
  }
  if (/^MailboxNot/.test(graphCode)) {
    return "Exchange Online has no mailbox of this address that is in use: give the account a licence with Exchange Online, restore it where it was deleted less than 30 days ago, or take another address where this one is a guest's or its mailbox is on a server of the organisation's own; a new or moved mailbox needs up to a day";
  }
  if (/Folder/.test(graphCode)) return "no such folder in the mailbox; check its name or id";
  return "the code is in Microsoft's list at https://learn.microsoft.com/graph/errors";
}

/** Graph passes on what Entra told it, with Entra's number. */
function unauthorizedRemedy(message: string): string {
  const number = /AADSTS(\d+)/.exec(message)?.[1];
  if (number === undefined) return "it does not accept the access token; if this lasts, connect the mailbox again";
  if (DISABLED_IN_TENANT.has(number)) {
    return `an application that mail needs is missing or disabled in the mailbox's organisation (AADSTS${number}): its administrator switches on "Office 365 Exchange Online", "Microsoft Graph" and Deskpost's own in Entra, Enterprise applications, "Enabled for users to sign-in"; connecting again does not help, and it heals by itself afterwards`;
  }
  return `Entra refuses it with AADSTS${number}: the administrator of the mailbox's organisation finds its meaning at https://login.microsoftonline.com/error?code=${number}`;
}

/**
 * A policy of the tenant says no to the application, whoever connected the mailbox: RAOP is Exchange's name of an
 * application access policy. https://learn.microsoft.com/graph/auth-limit-mailbox-access
 */
function forbiddenRemedy(graphCode: string, message: string): string {
  if (/RAOP|AppOnly ?AccessPolicy|Access to OData is disabled/i.test(message) || graphCode === "ExtensionError") {
    return "a policy of the mailbox's organisation keeps the application out: its Exchange administrator adds the mailbox to the application access policy (Get-ApplicationAccessPolicy, Test-ApplicationAccessPolicy) or to the scope of the role assignment (Test-ServicePrincipalAuthorization); a change takes up to two hours to work";
  }
  if (/ConditionalAccess|53003/i.test(`${graphCode} ${message}`)) {
    return "conditional access of the mailbox's organisation blocks it; the sign-in log in Entra names the policy, which its administrator changes";
  }
  return "whoever reads lacks the right: the account that connected the mailbox (check its permissions in Exchange), or, with application access, the application (check its Mail permission, the scope of its role assignment and the application access policies)";
}
