/** Every way in which Deskpost fails on purpose. Logs, pages, alerts and tests match on these codes, never on messages. */
export type ErrorCode =
  | "CONFIGURATION_INVALID"
  | "INPUT_INVALID"
  | "NOT_ALLOWED"
  | "TOO_MANY_SIGN_INS"
  | "MAILBOX_EXISTS"
  | "MAILBOX_NOT_FOUND"
  | "MESSAGE_NOT_FOUND"
  | "CONSENT_REQUIRED"
  | "ADMIN_REQUIRED"
  | "APP_MISCONFIGURED"
  | "TOKEN_UNAVAILABLE"
  | "KEY_VAULT_UNAVAILABLE"
  | "STORAGE_UNAVAILABLE"
  | "ENTRA_UNAVAILABLE"
  | "GRAPH_UNAVAILABLE"
  | "GRAPH_THROTTLED"
  | "GRAPH_REFUSED"
  | "SYNC_STATE_LOST"
  | "CHANGES_REFUSED"
  | "FOLDER_NOT_FOUND"
  | "LEASE_LOST"
  | "ROW_CHANGED"
  | "BAD_LINK";

/** Base of Deskpost's own errors. The message says what failed, for whom, and what to do next; facts go into fields. */
export class AppError extends Error {
  override readonly name: string = "AppError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The row changed between reading and writing it: somebody else was here first. Nothing was written. */
export class RowChangedError extends AppError {
  override readonly name = "RowChangedError";
  constructor(what: string, options?: ErrorOptions) {
    super(
      "ROW_CHANGED",
      `${what} was changed by another run at the same moment; the next run starts from what is stored`,
      options,
    );
  }
}

/** The code of an error, or its name where it is not one of ours (a network or SDK error). */
export function codeOf(error: unknown): string {
  if (error instanceof AppError) return error.code;
  if (error instanceof Error) {
    const { code } = error as { code?: unknown };
    return typeof code === "string" ? code : error.name;
  }
  return "UNKNOWN";
}

/** The message of an error with the messages of its causes, which is where network errors keep the reason. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? ` (${messageOf(error.cause)})` : "";
  return `${error.message}${cause}`;
}
