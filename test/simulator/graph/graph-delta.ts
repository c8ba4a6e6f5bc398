import { type Answer, json, type SeenRequest } from "../stand-in.ts";
import type { GraphControls } from "./graph-controls.ts";
import { badRequest, deltaRefused, GraphError, gatewayTimeout, quotaExceeded } from "./graph-errors.ts";
import type { Folder, MailboxStore } from "./graph-mailbox-store.ts";
import { checkSelect, messageJson } from "./graph-message-json.ts";
import { type Preferences, readPreferences, readReceivedFilter, readSelect, readTop } from "./graph-odata.ts";
import { type ChangeType, firstRound, laterRound, type RoundEntry, type RoundOptions } from "./graph-round.ts";
import { createSyncStates, type StreamOwner, type SyncState, type SyncStream } from "./graph-sync-states.ts";

const DEFAULT_PAGE_SIZE = 10;
const MAX_PAGE_SIZE = 1000;

interface DeltaDeps {
  readonly controls: GraphControls;
  /** The random moods; without it there are none. */
  readonly random: (() => number) | undefined;
  readonly origin: () => string;
}

/** Change tracking of one folder's messages: https://learn.microsoft.com/graph/delta-query-messages */
export function createDelta({ controls, random, origin }: DeltaDeps) {
  const states = createSyncStates(controls);

  function comesBackEmpty(): boolean {
    if (controls.endlessPages === "empty") return true;
    if (controls.emptyPages > 0) {
      controls.emptyPages -= 1;
      return true;
    }
    return random !== undefined && random() < 0.1;
  }

  function nextOffset(offset: number, onPage: number, inRound: number): number {
    const { endlessPages } = controls;
    if (endlessPages === "same-page" || endlessPages === "own-link") return offset;
    return endlessPages === "cycle" && offset + onPage >= inRound ? 0 : offset + onPage;
  }

  function beginRound(
    store: MailboxStore,
    folder: Folder,
    stream: SyncStream,
    state: SyncState,
    immutableIds: boolean,
  ) {
    const changes = store.changesAfter(folder, state.seen);
    const { movedInCountsAsCreated } = controls;
    const entries =
      stream.highest === 0
        ? firstRound(store, folder, stream.options)
        : laterRound(store, folder, changes, { ...stream.options, immutableIds, movedInCountsAsCreated });
    return { entries, offset: 0, seen: state.seen + changes.length };
  }

  return function deltaPage(store: MailboxStore, folder: Folder, request: SeenRequest): Answer {
    if (store.isFull) throw quotaExceeded();
    if (controls.deltaRefusal !== undefined) throw deltaRefused(controls.deltaRefusal);
    const preferences = readPreferences(request);
    const pageSize = Math.min(preferences.maxPageSize ?? DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE);
    if (pageSize > (controls.heaviestPage ?? MAX_PAGE_SIZE)) throw gatewayTimeout();
    const items = Math.min(pageSize, controls.largestPage ?? pageSize);

    // The very form of a folder's address in links: https://learn.microsoft.com/graph/delta-query-messages
    const key = encodeURIComponent(store.address.replaceAll("'", "''"));
    const user = store.address.startsWith("$") ? `('${key}')` : `/${encodeURIComponent(store.address)}`;
    const address = `${origin()}/v1.0/users${user}/mailfolders('${folder.id}')/messages/delta`;
    const owner: StreamOwner = { folderId: folder.id, syncEpoch: store.syncEpoch, address };
    const token = request.query.get("$skiptoken") || request.query.get("$deltatoken");
    const { stream, state } = token
      ? states.resume(token, owner)
      : { stream: states.begin(owner, readOptions(request.query), optionsText(request.query)), state: { seen: 0 } };

    const round = state.round ?? beginRound(store, folder, stream, state, preferences.immutableIds);
    const isEmpty = comesBackEmpty();
    const entries = isEmpty ? [] : round.entries.slice(round.offset, round.offset + items);
    const offset = nextOffset(round.offset, entries.length, round.entries.length);
    const isLast = !isEmpty && controls.endlessPages === undefined && offset >= round.entries.length;
    const next: SyncState = isLast ? { seen: round.seen } : { seen: state.seen, round: { ...round, offset } };
    const nextToken = token && controls.endlessPages === "own-link" ? token : states.save(stream, next);
    const link = isLast
      ? { "@odata.deltaLink": `${address}?$deltatoken=${nextToken}` }
      : { "@odata.nextLink": `${address}?$skiptoken=${nextToken}` };

    const value = entries.flatMap((entry) => entryJson(store, folder, entry, stream.options, preferences));
    const context = `${origin()}/v1.0/$metadata#Collection(message)`;
    return json(200, { "@odata.context": context, value, ...link }, { "preference-applied": "odata.track-changes" });
  };
}

function readOptions(query: URLSearchParams): RoundOptions {
  const filter = readReceivedFilter(query);
  const orderBy = query.get("$orderby");
  const isSimple = filter === undefined || (filter.operators.length === 1 && /^g[et]$/.test(filter.operators[0] ?? ""));
  const unsupported = [
    ...(isSimple ? [] : ["$filter"]),
    ...(orderBy === null || /^receivedDateTime desc$/i.test(orderBy) ? [] : ["$orderby"]),
    ...(query.has("$search") ? ["$search"] : []),
  ];
  if (unsupported.length > 0) {
    throw new GraphError({
      status: 400,
      code: "ErrorInvalidUrlQuery",
      message: `The following parameters are not supported with change tracking over the 'Messages' resource: '${unsupported.join(", ")}'.`,
    });
  }
  const select = readSelect(query);
  checkSelect(select);
  return { select, filter, changeType: readChangeType(query), top: readTop(query), newestFirst: orderBy !== null };
}

function readChangeType(query: URLSearchParams): ChangeType | undefined {
  const text = query.get("changeType");
  if (text === null || text === "created" || text === "updated" || text === "deleted") return text ?? undefined;
  throw badRequest(`Invalid value '${text}' for the parameter changeType.`);
}

function optionsText(query: URLSearchParams): string {
  return [...query]
    .filter(([name]) => name !== "$deltatoken" && name !== "$skiptoken")
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join("&");
}

function entryJson(
  store: MailboxStore,
  folder: Folder,
  entry: RoundEntry,
  { select, changeType }: RoundOptions,
  { immutableIds }: Preferences,
): unknown[] {
  const type = { "@odata.type": "#microsoft.graph.message" };
  const message = store.visibleMessage(entry.immutableId);
  const isGone = message?.folder !== folder || (!immutableIds && message.id !== entry.id);
  if (entry.kind === "removed" || isGone) {
    // It left since the round began: a first round may hold removals too, unless only `created` was asked for.
    if (entry.kind !== "removed" && changeType !== undefined) return [];
    return [{ ...type, id: immutableIds ? entry.immutableId : entry.id, "@removed": { reason: "deleted" } }];
  }
  // https://github.com/microsoftgraph/microsoft-graph-docs/issues/7776: whatever `$select` names
  const shown = entry.kind === "partial" ? ["isRead", "parentFolderId"] : select;
  return [{ ...type, ...messageJson(message, { immutableIds, select: shown }) }];
}
