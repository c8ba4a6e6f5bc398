import type { Folder, FolderChange, MailboxStore, StoredMessage } from "./graph-mailbox-store.ts";
import type { ReceivedFilter } from "./graph-odata.ts";

export type ChangeType = "created" | "updated" | "deleted";

/** What the first delta request asked for; the tokens carry it on. */
export interface RoundOptions {
  readonly select: readonly string[] | undefined;
  readonly filter: ReceivedFilter | undefined;
  readonly changeType: ChangeType | undefined;
  /** Not a page size: at most so many items in the WHOLE round, the rest is never reported. */
  readonly top: number | undefined;
  readonly newestFirst: boolean;
}

/** An item of a round, as it was when the round began. */
export interface RoundEntry {
  /** `partial`: only its read flag changed. */
  readonly kind: "full" | "partial" | "removed";
  readonly immutableId: string;
  /** The regular id that it has, or had when it left. */
  readonly id: string;
}

/** https://learn.microsoft.com/graph/delta-query-messages: with a filter, so many messages and no more. */
const MAX_FILTERED_ITEMS = 5_000;

/** The first round: every message that is in the folder. */
export function firstRound(store: MailboxStore, folder: Folder, options: RoundOptions): RoundEntry[] {
  if (options.changeType !== undefined && options.changeType !== "created") return [];
  const messages = store
    .visibleMessages(folder)
    .filter(({ receivedAt }) => options.filter?.accepts(receivedAt) ?? true);
  if (options.newestFirst) messages.sort((left, right) => right.receivedAt.getTime() - left.receivedAt.getTime());
  const entries = messages.map(({ immutableId, id }): RoundEntry => ({ kind: "full", immutableId, id }));
  const limit = Math.min(options.top ?? entries.length, options.filter ? MAX_FILTERED_ITEMS : entries.length);
  return (options.newestFirst ? entries : inNoOrder(entries)).slice(0, limit);
}

/** What a later round depends on besides its first request. */
interface LaterRoundOptions extends RoundOptions {
  readonly immutableIds: boolean;
  readonly movedInCountsAsCreated: boolean;
}

/** A later round: what happened since. */
export function laterRound(
  store: MailboxStore,
  folder: Folder,
  changes: readonly FolderChange[],
  options: LaterRoundOptions,
): RoundEntry[] {
  const entries: RoundEntry[] = [];
  for (const [immutableId, history] of Map.groupBy(changes, (change) => change.immutableId)) {
    const news = readHistory(history);
    const message = store.visibleMessage(immutableId);
    const present = message?.folder === folder ? message : undefined;
    if (news.wasKnown || present === undefined) entries.push(...removals(immutableId, news, options));
    if (present !== undefined) entries.push(...reports(present, news, options));
  }
  return inNoOrder(entries).slice(0, options.top);
}

function removals(immutableId: string, { leftAs }: News, options: LaterRoundOptions): RoundEntry[] {
  if (!wants(options, "deleted")) return [];
  // Under its immutable id it is one message, however often it left.
  const ids = options.immutableIds ? leftAs.slice(-1) : leftAs;
  return ids.map((id) => ({ kind: "removed", immutableId, id }));
}

/** What is told of a message that is in the folder. */
function reports(message: StoredMessage, news: News, options: LaterRoundOptions): RoundEntry[] {
  const { immutableId, id, receivedAt } = message;
  const full: RoundEntry = { kind: "full", immutableId, id };
  const passesFilter = options.filter?.accepts(receivedAt) ?? true;

  // Out and back between two polls: with immutable ids nothing but `@removed` is heard of it, until it changes again.
  // https://github.com/microsoftgraph/microsoft-graph-docs/issues/21752
  const isLost = options.immutableIds && news.wasKnown && news.leftAs.length > 0;
  if (news.arrived && !isLost && wants(options, "created")) {
    if (!passesFilter) return [];
    if (!news.movedIn) return [full];
    if (options.changeType === "created" && !options.movedInCountsAsCreated) return [];
    // Twice: https://github.com/microsoftgraph/msgraph-sdk-go/issues/969
    return [full, full];
  }
  if (news.replayed && passesFilter) return [full];
  if (!wants(options, "updated") || (news.arrived && !isLost)) return [];
  if (news.changed && passesFilter) return [full];
  // A filter does not hold these back: https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/9760
  return news.readToggled && reportsReadFlag(options) ? [{ ...full, kind: "partial" }] : [];
}

interface News {
  /** The client knew it before. */
  readonly wasKnown: boolean;
  readonly arrived: boolean;
  readonly movedIn: boolean;
  /** The regular ids with which it left. */
  readonly leftAs: readonly string[];
  /** Since it came, if it came. */
  readonly changed: boolean;
  readonly readToggled: boolean;
  readonly replayed: boolean;
}

function readHistory(history: readonly FolderChange[]): News {
  const lastArrival = history.findLast((change) => change.kind === "arrived");
  const sinceArrival = history.slice(history.findLastIndex((change) => change.kind === "arrived") + 1);
  return {
    wasKnown: history.find((change) => change.kind === "arrived" || change.kind === "left")?.kind !== "arrived",
    arrived: lastArrival !== undefined,
    movedIn: lastArrival?.kind === "arrived" && lastArrival.movedIn,
    leftAs: history.flatMap((change) => (change.kind === "left" ? [change.id] : [])),
    changed: sinceArrival.some((change) => change.kind === "changed"),
    readToggled: sinceArrival.some((change) => change.kind === "read"),
    replayed: sinceArrival.some((change) => change.kind === "replayed"),
  };
}

function wants({ changeType }: RoundOptions, kind: ChangeType): boolean {
  return changeType === undefined || changeType === kind;
}

/** https://github.com/alcionai/corso/pull/1866 */
function reportsReadFlag({ select }: RoundOptions): boolean {
  return select === undefined || select.includes("isRead");
}

/** Without `$orderby` no order is promised; so that nobody relies on one, this is none, yet always the same. */
function inNoOrder(entries: readonly RoundEntry[]): RoundEntry[] {
  const STRIDE = 7;
  const strands = Array.from({ length: STRIDE }, (_, start) =>
    entries.filter((_entry, index) => index % STRIDE === start),
  );
  return strands.reverse().flat();
}
