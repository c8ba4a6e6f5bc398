import { randomBytes } from "node:crypto";
import type { GraphControls } from "./graph-controls.ts";
import { badRequest, GraphError } from "./graph-errors.ts";
import type { RoundEntry, RoundOptions } from "./graph-round.ts";

/** What the service knows of a client after one page. */
export interface SyncState {
  /** How many of the folder's changes the client knows of since its last finished round. */
  readonly seen: number;
  /** The round that it is in the middle of. */
  readonly round?: Round;
}

interface Round {
  readonly entries: readonly RoundEntry[];
  /** Where the next page begins. */
  readonly offset: number;
  /** What the client will have seen at the end of the round. */
  readonly seen: number;
}

/** One client's way through the changes of one folder, from its first request on. */
export interface SyncStream {
  readonly id: string;
  readonly folderId: string;
  readonly options: RoundOptions;
  /** The query of the first request, for a `Location` that starts anew. */
  readonly firstQuery: string;
  /** `syncEpoch` of the mailbox when it began. */
  readonly epoch: number;
  highest: number;
  lastUsedAt: number;
  /** The newest generations. */
  readonly states: Map<number, SyncState>;
}

export interface StreamOwner {
  readonly folderId: string;
  readonly syncEpoch: number;
  /** Absolute, without a query. */
  readonly address: string;
}

/** Each page makes a new generation; the older ones die, one after another. */
const LIVE_GENERATIONS = 3;

interface SyncStates {
  begin(owner: StreamOwner, options: RoundOptions, firstQuery: string): SyncStream;
  /** Finds what a token of `save` stands for; throws the reset that Graph would answer. */
  resume(token: string, owner: StreamOwner): { stream: SyncStream; state: SyncState };
  /** Keeps the state as a new generation, and gives its token. */
  save(stream: SyncStream, state: SyncState): string;
}

export function createSyncStates(controls: GraphControls): SyncStates {
  const streams = new Map<string, SyncStream>();

  function isDead(stream: SyncStream, owner: StreamOwner): boolean {
    const lifetimeMs = controls.syncStateLifetimeMs ?? Number.POSITIVE_INFINITY;
    return stream.epoch !== owner.syncEpoch || Date.now() - stream.lastUsedAt > lifetimeMs;
  }

  return {
    begin: (owner, options, firstQuery) => {
      const stream: SyncStream = {
        id: randomBytes(18).toString("base64url"),
        folderId: owner.folderId,
        options,
        firstQuery,
        epoch: owner.syncEpoch,
        highest: 0,
        lastUsedAt: Date.now(),
        states: new Map(),
      };
      streams.set(stream.id, stream);
      return stream;
    },

    resume: (token, owner) => {
      const { streamId, generation } = readToken(token);
      const stream = streams.get(streamId);
      if (stream === undefined || stream.folderId !== owner.folderId) {
        throw resetError("root-folder-not-found", owner, undefined, generation);
      }
      const state = stream.states.get(generation);
      if (state === undefined || isDead(stream, owner)) {
        throw resetError(controls.resetShape, owner, stream, generation);
      }
      return { stream, state };
    },

    save: (stream, state) => {
      stream.highest += 1;
      stream.lastUsedAt = Date.now();
      stream.states.set(stream.highest, state);
      stream.states.delete(stream.highest - LIVE_GENERATIONS);
      return writeToken(stream.id, stream.highest);
    },
  };
}

/** Opaque to the client; another text each time, even for the same state. */
function writeToken(streamId: string, generation: number): string {
  return Buffer.from(`${randomBytes(24).toString("base64url")}.${streamId}.${generation}`).toString("base64url");
}

function readToken(token: string): { streamId: string; generation: number } {
  const [, streamId, generation] = Buffer.from(token, "base64url").toString("latin1").split(".");
  if (streamId === undefined || !/^\d+$/.test(generation ?? "")) throw badRequest("Badly formed token.");
  return { streamId, generation: Number(generation) };
}

/**
 * The service keeps its generations in a ring of three, which shows in the text:
 * `generation=518;[highest=523][523][521][522]`, https://github.com/microsoftgraph/microsoft-graph-docs/issues/2350
 */
function liveGenerations({ highest }: SyncStream): string {
  const ring: string[] = [];
  for (let live = Math.max(1, highest - LIVE_GENERATIONS + 1); live <= highest; live += 1) {
    ring[(live - 1) % LIVE_GENERATIONS] = `[${live}]`;
  }
  return `[highest=${highest}]${ring.join("")}`;
}

function resetError(
  shape: GraphControls["resetShape"],
  owner: StreamOwner,
  stream: SyncStream | undefined,
  generation: number,
): GraphError {
  const live = stream === undefined ? "[highest=0]" : liveGenerations(stream);
  const generationText = `The sync state generation is not found; generation=${generation};${live}.`;
  switch (shape) {
    case "sync-state-not-found":
      return new GraphError({ status: 410, code: "SyncStateNotFound", message: generationText });
    case "root-folder-not-found":
      return new GraphError({
        status: 410,
        code: "SyncStateNotFound",
        message: "The sync state root folder is not found.",
      });
    case "location": {
      const query = stream?.firstQuery ? `${stream.firstQuery}&` : "";
      return new GraphError({
        status: 410,
        code: "syncStateNotFound",
        message: generationText,
        headers: { location: `${owner.address}?${query}$deltatoken=` },
      });
    }
    case "resync-required":
      return new GraphError({ status: 410, code: "resyncRequired", message: "Resync required." });
    case "sync-state-invalid":
      return new GraphError({ status: 400, code: "syncStateInvalid", message: "The sync state is invalid." });
  }
}
