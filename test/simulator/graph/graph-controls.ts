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

/** Switches for the moods of the whole service; set them at any time. What befalls one mailbox is on its handle. */
export interface GraphControls {
  resetShape: ResetShape;
  /** Delta never comes to its deltaLink: the same page again and again, with another link each time. */
  endlessPages: boolean;
  /** So many of the next delta pages come back empty, with a nextLink. */
  emptyPages: number;
  /** A delta link that nobody used for so long is dead. Without it, only the generations count. */
  syncStateLifetimeMs: number | undefined;
  /** Whether `changeType=created` reports what was moved in; nobody documents it. */
  movedInCountsAsCreated: boolean;
  /** A list or delta page for more items than this is too heavy: 504 without Retry-After. */
  heaviestPage: number | undefined;
  /** How long each request takes, in real milliseconds: what makes requests overlap. */
  latencyMs: number;
}

export function createGraphControls(): GraphControls {
  return {
    resetShape: "sync-state-not-found",
    endlessPages: false,
    emptyPages: 0,
    syncStateLifetimeMs: undefined,
    movedInCountsAsCreated: true,
    heaviestPage: undefined,
    latencyMs: 0,
  };
}
