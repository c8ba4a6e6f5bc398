/** The shapes in which Graph says that a delta link is dead. https://learn.microsoft.com/graph/delta-query-overview */
export type ResetShape =
  /** 410 SyncStateNotFound with the generation that was asked for and those that live; the usual one. */
  | "sync-state-not-found"
  /** 410 SyncStateNotFound `The sync state root folder is not found.` */
  | "root-folder-not-found"
  /** 410 with a `Location` whose delta token is empty. */
  | "location"
  /** 410 resyncRequired. */
  | "resync-required"
  /** 400 syncStateInvalid. */
  | "sync-state-invalid";

/**
 * How delta never comes to its deltaLink: one page again and again, all pages around and around, or empty ones, each under
 * another link (https://learn.microsoft.com/answers/a/12762375); or one page whose nextLink is its own.
 */
export type EndlessPages = "same-page" | "cycle" | "empty" | "own-link";

/** How a Graph that has no delta for messages says so; nobody documents which it is. */
export type DeltaRefusal = 400 | 405 | 501;

/** Switches for the moods of the whole service; set them at any time. What befalls one mailbox is on its handle. */
export interface GraphControls {
  resetShape: ResetShape;
  endlessPages: EndlessPages | undefined;
  /** As in a cloud without delta: https://learn.microsoft.com/graph/api/message-delta */
  deltaRefusal: DeltaRefusal | undefined;
  /** So many of the next list pages lack the nextLink that they should have. */
  lostNextLinks: number;
  /** A list always begins at its first message. */
  ignoresSkip: boolean;
  /** So many of the next delta pages come back empty, with a nextLink. */
  emptyPages: number;
  /** A delta link that nobody used for so long is dead. Without it, only the generations count. */
  syncStateLifetimeMs: number | undefined;
  /** Whether `changeType=created` reports what was moved in; nobody documents it. */
  movedInCountsAsCreated: boolean;
  /** A list or delta page for more items than this is too heavy: 504 without Retry-After. */
  heaviestPage: number | undefined;
  /** Delta gives no more than this in a page, whatever `maxpagesize` asks for. */
  largestPage: number | undefined;
  /** How long each request takes, in real milliseconds: what makes requests overlap. */
  latencyMs: number;
}

export function createGraphControls(): GraphControls {
  return {
    resetShape: "sync-state-not-found",
    endlessPages: undefined,
    deltaRefusal: undefined,
    lostNextLinks: 0,
    ignoresSkip: false,
    emptyPages: 0,
    syncStateLifetimeMs: undefined,
    movedInCountsAsCreated: true,
    heaviestPage: undefined,
    largestPage: undefined,
    latencyMs: 0,
  };
}
