import { GraphError } from "../message-source.ts";

/** Why a message could not be read, where the message itself may be to blame. */
export interface ReadFailure {
  readonly code: string;
  readonly words: string;
  /** What a person can do once it is not tried any more, in words that follow on from the others. */
  readonly remedy: string;
  readonly retryAfterMs: number | undefined;
  /** Graph asked for peace as well: this run must not ask for another message. */
  readonly endsRun: boolean;
}

/** Exchange cannot make MIME of these, now or ever. https://learn.microsoft.com/exchange/client-developer/web-service-reference/responsecode */
const UNREADABLE_CODES = new Set([
  "ErrorContentConversionFailed",
  "ErrorMimeContentConversionFailed",
  "ErrorMimeContentInvalid",
  "ErrorCorruptData",
]);

/** What helps with a message that Graph does not give. */
function remedyOf(graphCode: string | undefined): string {
  if (UNREADABLE_CODES.has(graphCode ?? "")) {
    return "Exchange cannot hand it out, as happens with some encrypted (S/MIME) and some damaged messages: open it in Outlook and hand it to the desk by hand, then dismiss it here; to replay it seldom helps";
  }
  return "it is not tried again by itself: open it in Outlook to see whether it can be read there; if so, replay it, and if that fails, too, hand it to the desk by hand and dismiss it here";
}

/** What a file system says that has no room or no folder for a message; small ones need no file. */
const DISK_CODES = new Set(["ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "ENOENT", "EMFILE", "ENFILE"]);

/**
 * A read that failed for this message may work for the next: some cannot be converted, some are too large for Graph to
 * send in time (a 503 or 504, with or without Retry-After) or for the disk. A 429 and a token that is not accepted concern
 * the mailbox for sure: then it is `undefined`, as for every other fault.
 */
export function readFailureOf(error: unknown): ReadFailure | undefined {
  if (error instanceof GraphError) {
    const { status = 0, graphCode, retryAfterMs } = error.answer;
    const endsRun = error.code === "GRAPH_THROTTLED";
    if (status === 401 || (endsRun && status < 500)) return undefined;
    return { code: graphCode ?? error.code, words: error.message, remedy: remedyOf(graphCode), retryAfterMs, endsRun };
  }
  const { code = "", syscall } = (error ?? {}) as { code?: string; syscall?: unknown };
  if (typeof syscall !== "string" || !DISK_CODES.has(code)) return undefined;
  const words = `Deskpost could not put the message into its temporary folder (${code})`;
  const remedy =
    "give the instances more memory and disk, or let them fetch fewer mailboxes side by side, then replay it";
  return { code, words, remedy, retryAfterMs: undefined, endsRun: false };
}
