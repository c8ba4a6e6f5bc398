import type { Acknowledge } from "../mailboxes/mailbox.ts";
import { AppError } from "../platform/errors.ts";
import type { DiscoveredMessage } from "./message.ts";

/** The bytes of a message, complete. A blob knows its length before it is sent, and can be read more than once. */
export interface MailContent {
  readonly blob: Blob;
  /** Removes the temporary file, if there is one. Call it when the delivery is over, however it ended. It never fails. */
  dispose(): Promise<void>;
}

/** Why changes are not to be had: the mailbox is full, Graph has none of this folder, or its pages have no end. */
export type Refusal = "mailbox-full" | "not-supported" | "no-end";

/** A page of changes. */
export interface ChangePage {
  readonly messages: readonly DiscoveredMessage[];
  /** Where to go on. */
  readonly link: string;
  /** True where this was the last page of the round: `link` then starts the next round. */
  readonly complete: boolean;
}

/** A page of what is in the folder. */
export interface ListPage {
  readonly messages: readonly (Pick<DiscoveredMessage, "id" | "fingerprint"> & { readonly receivedAt: Date })[];
  /** The next page, where Graph named one. */
  readonly link: string | undefined;
  /** As many messages as were asked for: there may be more, even without a link. */
  readonly full: boolean;
}

/** What one call of `acknowledge` takes. */
export const ACKNOWLEDGED_AT_ONCE = 20;

/** Where the mail is read from: one folder of one mailbox. Every failure is a `GraphError`. */
export interface MessageSource {
  /**
   * How requests name the folder.
   * @throws {FolderNotFoundError}
   */
  folder(): Promise<string>;
  /**
   * A page of changes, from the start where there is no link.
   * @throws {SyncStateLostError} the link is of no use any more: walk again from the start
   * @throws {ChangesRefusedError} there are none to be had: list the folder instead
   * @throws {FolderNotFoundError} no folder has the name
   */
  changes(link: string | undefined): Promise<ChangePage>;
  /**
   * What is in the folder, received at `from` or later, the oldest first; or the page that a link leads to.
   * @param place without a link, so many messages are left out: a makeshift where Graph has lost it
   * @throws {FolderNotFoundError}
   */
  list(from: Date, link?: string, place?: number): Promise<ListPage>;
  /** When the message was received; `undefined` where it is gone. */
  receivedAt(messageId: string): Promise<Date | undefined>;
  /** The message's MIME, every byte as Graph gives it; `undefined` where it is gone. */
  content(messageId: string): Promise<MailContent | undefined>;
  /**
   * Marks or moves messages, up to ACKNOWLEDGED_AT_ONCE; those that are gone are fine. Gives what went wrong, by message id.
   * @throws {GraphError} where nothing is known of any of them
   */
  acknowledge(messageIds: readonly string[], how: Acknowledge): Promise<ReadonlyMap<string, GraphError>>;
}

/** What Graph said no with. */
export interface GraphAnswer {
  /** HTTP status; `undefined` where no answer came. */
  readonly status: number | undefined;
  /** Innermost error code, such as ErrorItemNotFound. */
  readonly graphCode: string | undefined;
  /** What Microsoft's support asks for. */
  readonly requestId: string | undefined;
  readonly retryAfterMs: number | undefined;
}

/**
 * A request to Graph failed. GRAPH_UNAVAILABLE and GRAPH_THROTTLED pass by themselves; GRAPH_REFUSED needs somebody.
 */
export class GraphError extends AppError {
  override readonly name = "GraphError";
  readonly answer: GraphAnswer;

  constructor(
    code: "GRAPH_UNAVAILABLE" | "GRAPH_THROTTLED" | "GRAPH_REFUSED",
    message: string,
    answer: GraphAnswer,
    options?: ErrorOptions,
  ) {
    super(code, message, options);
    this.answer = answer;
  }
}

/**
 * True where the failure says nothing about the one message that was asked for: a throttle, a token that is not
 * accepted, or a Graph that does not answer at all.
 */
export function concernsMailbox({ code, answer }: GraphError): boolean {
  return code === "GRAPH_THROTTLED" || answer.status === undefined || answer.status === 401;
}

/** Graph forgot where we were (410 and its kin). https://learn.microsoft.com/graph/delta-query-overview#synchronization-reset */
export class SyncStateLostError extends AppError {
  override readonly name = "SyncStateLostError";
  constructor(graphCode: string) {
    super(
      "SYNC_STATE_LOST",
      `The saved position in the folder is of no use any more (${graphCode}); the folder is walked again from the start`,
    );
  }
}

/** Graph gives no changes of this folder, whatever link is used. */
export class ChangesRefusedError extends AppError {
  override readonly name = "ChangesRefusedError";
  readonly because: Refusal;
  constructor(because: Refusal, options?: ErrorOptions) {
    super("CHANGES_REFUSED", `Graph gives no changes of the folder (${because}); it is listed instead`, options);
    this.because = because;
  }
}

/** The mailbox has no such folder, or no longer: somebody must say which one is meant. */
export class FolderNotFoundError extends AppError {
  override readonly name = "FolderNotFoundError";
  constructor(address: string, folder: string, what: string, options?: ErrorOptions) {
    super(
      "FOLDER_NOT_FOUND",
      `The folder "${folder}" of ${address} ${what}: make it again under this name, or remove the mailbox here and add it with the present name or id of the folder`,
      options,
    );
  }
}

/** A throttle without a Retry-After. */
export const DEFAULT_THROTTLE_MS = 60_000;

/** Of two failures in one run the first counts; of two times that Graph asks to wait, the longer one. */
export function decisiveFailure<T extends { readonly error: unknown }>(first: T | undefined, next: T): T {
  if (first === undefined) return next;
  return (throttleMs(next.error) ?? 0) > (throttleMs(first.error) ?? Number.POSITIVE_INFINITY) ? next : first;
}

function throttleMs(error: unknown): number | undefined {
  if (!(error instanceof GraphError) || error.code !== "GRAPH_THROTTLED") return undefined;
  return error.answer.retryAfterMs ?? DEFAULT_THROTTLE_MS;
}
