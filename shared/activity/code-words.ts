/**
 * What a code of Deskpost or of a desk means, in words that fit behind "because" or a colon. Logs, alerts and programs use
 * the codes; people read these words, with the code behind them where somebody may have to look it up.
 */
const WORDS: Readonly<Record<string, string>> = {
  LOOP_RISK: "it is an automatic answer or a bounce, which could go round in circles",
  OWN_ADDRESS: "it comes from the desk's own address",
  SENDER_BLOCKED: "its sender is on the desk's block list",
  NO_SENDER: "the desk found no sender in it",
  NO_RECIPIENT: "the desk found no recipient in it",
  TICKET_IN_TRASH: "its ticket is in the desk's trash or marked as spam",
  TOO_LARGE: "it is larger than the desk takes",
  NO_ANSWER: "the desk does not answer",
  BUSY: "the desk is busy with other mail",
  REDIRECT: "the desk's address leads on to another one",
  NOT_THE_DESK: "something else than the desk answers at its address",
  DESK_ERROR: "the desk answers with a fault of its own",
  DATABASE_DOWN: "the desk does not reach its database",
  DATABASE_REFUSES: "the desk's database does not take what is in it",
  HALF_TICKET: "its ticket was left without its text",
  UNKNOWN_ANSWER: "the desk gives an answer that Deskpost does not know",
  HTTP_401: "the desk asks for a sign-in (HTTP 401)",
  HTTP_403: "the desk forbids it (HTTP 403)",
  HTTP_404: "there is nothing at the desk's address (HTTP 404)",
  HTTP_410: "the desk says that it is closed (HTTP 410)",
  HTTP_422: "the desk will not have it (HTTP 422)",
  HTTP_429: "the desk asks to slow down (HTTP 429)",
  HTTP_502: "a gateway in front of the desk does not reach it (HTTP 502)",
  HTTP_503: "the desk is not available (HTTP 503)",
  HTTP_504: "a gateway in front of the desk got no answer from it (HTTP 504)",
  NO_BYTES: "Microsoft gives it without a single byte",
  RUN_ENDED: "runs ended in the middle of delivering it",
  ErrorItemNotFound: "Microsoft does not find it",
  DESK_UNAVAILABLE: "the desk is down; mail waits",
  DESK_FAILING: "the desk answers each mail with a fault; mail waits",
  GRAPH_THROTTLED: "Microsoft asks to wait; mail waits",
  GRAPH_UNAVAILABLE: "Microsoft's mail service does not answer; mail waits",
  GRAPH_REFUSED: "Microsoft does not open the mailbox or its folder",
  FOLDER_NOT_FOUND: "the mailbox has no such folder",
  ENTRA_UNAVAILABLE: "Microsoft's sign-in does not answer; mail waits",
  TOKEN_UNAVAILABLE: "there is no access token at the moment; mail waits",
  APP_MISCONFIGURED: "Microsoft refuses Deskpost's own credential; mail waits",
  CONFIGURATION_INVALID: "a setting of Deskpost is wrong; mail waits",
  CONSENT_REQUIRED: "its owner must connect it again",
  ADMIN_REQUIRED: "its organisation blocks the sign-in",
  FETCH_ABANDONED: "fetch after fetch ended without a report",
  MAILBOX_FULL: "the mailbox is full; what is in it comes through",
  CHANGES_WITHOUT_END: "mail comes by listing, because Graph's changes have no end",
  KEY_VAULT_UNAVAILABLE: "Key Vault does not answer; mail waits",
  STORAGE_UNAVAILABLE: "the storage account does not answer; mail waits",
};

/** The code in words; a code that nobody has put into words stands for itself. */
export function codeWords(code: string): string {
  const words = WORDS[code];
  if (words !== undefined) return words;
  const status = /^HTTP_(\d{3})$/.exec(code)?.[1];
  return status === undefined ? code : `the desk answers with HTTP ${status}`;
}

/** True where `codeWords` says more than the code itself. */
export function hasWords(code: string): boolean {
  return codeWords(code) !== code;
}
