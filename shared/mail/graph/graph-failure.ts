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
  const graphCode = innermostCode((body as { error?: unknown } | undefined)?.error) ?? "";
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
    return new GraphError("GRAPH_UNAVAILABLE", `Graph failed (${what}); the next run tries again`, answer);
  }
  return new GraphError("GRAPH_REFUSED", `Graph refused (${what}): ${remedyFor(status, graphCode)}`, answer);
}

function remedyFor(status: number, graphCode: string): string {
  if (status === 401) return "it does not accept the access token; if this lasts, connect the mailbox again";
  if (status === 403)
    return "the account that connected the mailbox lacks the right to read it; check its permissions in Exchange";
  if (/^(?:ErrorInvalidUser|Request_ResourceNotFound|ResourceNotFound|ErrorNonExistentMailbox)$/.test(graphCode)) {
    return "no such mailbox; check the address";
  }
  if (/^MailboxNot/.test(graphCode)) return "the mailbox is not in Exchange Online, or is being moved there";
  if (/Folder/.test(graphCode)) return "no such folder in the mailbox; check its name or id";
  return "the code is in Microsoft's list at https://learn.microsoft.com/graph/errors";
}
