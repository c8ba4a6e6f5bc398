import type { Acknowledge } from "../../mailboxes/mailbox.ts";
import { AppError, messageOf } from "../../platform/errors.ts";
import { fingerprintOf, type MessageMarks } from "../message.ts";
import type { Refusal } from "../message-source.ts";
import {
  type ChangePage,
  ChangesRefusedError,
  FolderNotFoundError,
  GraphError,
  type ListPage,
  type MessageSource,
  SyncStateLostError,
} from "../message-source.ts";
import { type BatchPart, sendBatch } from "./graph-batch.ts";
import { pathOfLink, type SendToGraph } from "./graph-client.ts";
import { findFolder, saysNoFolder } from "./graph-folder.ts";
import { receiveContent } from "./mail-content.ts";
import { userPath } from "./user-path.ts";

/** Larger pages are unproven; pages of ids alone are small. The header must be sent with every page. */
const PAGE_SIZE = 500;
/** The largest page of a list that is proven. https://github.com/alcionai/corso/tree/main/src/pkg/services/m365/api */
const LIST_SIZE = 999;
/** A page that is too heavy is asked for in a quarter of its size, and once more. */
const SMALLEST_SHARE = 1 / 16;
/** Ids that survive a move within the mailbox. https://learn.microsoft.com/graph/outlook-immutable-id */
const IMMUTABLE_IDS = 'IdType="ImmutableId"';
/** The date, and what else `fingerprintOf` reads. */
const MARKS = "receivedDateTime,sentDateTime,internetMessageId,subject,from";
/** Characters that a property of a table holds: https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model */
const LONGEST_LINK = 32_768;
const FIRST_DATE_MS = Date.parse("0001-01-01T00:00:00Z");

interface DeltaBody {
  readonly value?: readonly DeltaItem[];
  readonly "@odata.nextLink"?: string;
  readonly "@odata.deltaLink"?: string;
}

interface DeltaItem extends MessageMarks {
  readonly id?: string;
  readonly createdDateTime?: string | null;
  readonly "@removed"?: unknown;
}

export interface GraphSourceOptions {
  readonly graphUrl: string;
  readonly address: string;
  readonly folder: string;
  readonly send: SendToGraph;
  readonly now: () => Date;
  /** Takes a message's bytes in. */
  readonly receive?: typeof receiveContent;
}

/** One folder of one mailbox through Graph. https://learn.microsoft.com/graph/delta-query-messages */
export function createGraphSource(options: GraphSourceOptions): MessageSource {
  const { graphUrl, address, folder, send, now, receive = receiveContent } = options;
  const user = userPath(address);
  let found: Promise<string> | undefined;
  let share = 1;
  // The path through the folder answers 405 for $value: https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/5546
  const message = (id: string) => `${user}/messages/${encodeURIComponent(id)}`;
  const headers = { Prefer: IMMUTABLE_IDS };

  async function unlessGone<T>(ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await ask();
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    }
  }

  return {
    folder: folderInUse,

    async changes(link) {
      try {
        const path = link === undefined ? await startOfChanges() : pathOfLink(graphUrl, link);
        return await inPages(PAGE_SIZE, async (size) => {
          const Prefer = `${IMMUTABLE_IDS}, odata.maxpagesize=${size}`;
          const page = toPage(await jsonOf<DeltaBody>(await send({ method: "GET", path, headers: { Prefer } })));
          if (page.link.length > LONGEST_LINK) throw new ChangesRefusedError("not-supported");
          return page;
        });
      } catch (error) {
        const lost = link === undefined ? undefined : whyLost(error);
        if (lost !== undefined) throw new SyncStateLostError(lost);
        const refusal = whyRefused(error);
        throw refusal === undefined ? error : new ChangesRefusedError(refusal, { cause: error });
      }
    },

    async list(from, link, place = 0) {
      try {
        return await inPages(LIST_SIZE, async (size) => {
          const path = link === undefined ? await startOfList(from, size, place) : pathOfLink(graphUrl, link);
          return toListPage(await jsonOf<DeltaBody>(await send({ method: "GET", path, headers })), size);
        });
      } catch (error) {
        throw saysNoFolder(error) ? new FolderNotFoundError(address, folder, "is not there", { cause: error }) : error;
      }
    },

    receivedAt: (id) =>
      unlessGone(async () => {
        const response = await send({
          method: "GET",
          path: `${message(id)}?$select=receivedDateTime,createdDateTime`,
          headers,
        });
        const { receivedDateTime, createdDateTime } = await jsonOf<DeltaItem>(response);
        // What some program put into the folder need not have been received at all.
        return timeOf(receivedDateTime) ?? timeOf(createdDateTime);
      }),

    content: (id) =>
      unlessGone(async () => {
        const response = await send({ method: "GET", path: `${message(id)}/$value`, headers, kind: "stream" });
        await mustBeMail(response);
        return receive(bytesOf(response), now());
      }),

    async acknowledge(ids, how) {
      const asked = ids.flatMap((id) => partFor(id, how));
      const failures = asked.length === 0 ? [] : await sendBatch(send, asked, now);
      const failed = new Map<string, GraphError>();
      ids.forEach((id, index) => {
        const failure = failures[index];
        if (failure !== undefined && !isGone(failure)) failed.set(id, failure);
      });
      return failed;
    },
  };

  /** Asks for less where a page takes Graph too long. */
  async function inPages<T>(largest: number, ask: (size: number) => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask(Math.floor(largest * share));
      } catch (error) {
        if (!isTooHeavy(error) || share <= SMALLEST_SHARE) throw error;
        share /= 4;
      }
    }
  }

  function folderInUse(): Promise<string> {
    found ??= findFolder(send, address, folder);
    return found;
  }

  async function messagesIn(): Promise<string> {
    return `${user}/mailFolders/${encodeURIComponent(await folderInUse())}/messages`;
  }

  /** `$top` would cap the whole round, a filter the number of messages; neither is used. */
  async function startOfChanges(): Promise<string> {
    return `${await messagesIn()}/delta?$select=${MARKS}`;
  }

  /** What is sorted by must be filtered by: https://learn.microsoft.com/graph/api/user-list-messages */
  async function startOfList(from: Date, size: number, place: number): Promise<string> {
    const filter = encodeURIComponent(`receivedDateTime ge ${from.toISOString().slice(0, 19)}Z`);
    return `${await messagesIn()}?$filter=${filter}&$orderby=receivedDateTime&$select=${MARKS}&$top=${size}${place === 0 ? "" : `&$skip=${place}`}`;
  }

  function partFor(id: string, how: Acknowledge): BatchPart[] {
    switch (how.kind) {
      case "nothing":
        return [];
      case "mark-read":
        return [{ method: "PATCH", path: message(id), headers, body: { isRead: true } }];
      case "move":
        return [{ method: "POST", path: `${message(id)}/move`, headers, body: { destinationId: how.folder } }];
    }
  }
}

function isGone(error: unknown): boolean {
  return error instanceof GraphError && error.answer.graphCode === "ErrorItemNotFound";
}

/**
 * Why a stored link is of no use: Graph has forgotten the position (410, or another 4xx with one of its codes), does not
 * understand the link, or it belongs to another Graph than the configured one.
 */
function whyLost(error: unknown): string | undefined {
  if (error instanceof AppError && error.code === "BAD_LINK") return error.code;
  if (!(error instanceof GraphError)) return undefined;
  const { status, graphCode = "" } = error.answer;
  // The folder of the link is gone; there may be another of its name.
  if (saysNoFolder(error)) return `${status} ${graphCode}`;
  return isReset(error) || status === 400 ? `${status} ${graphCode}`.trimEnd() : undefined;
}

function isReset({ answer: { status, graphCode = "" } }: GraphError): boolean {
  return status === 410 || /^(?:syncStateNotFound|syncStateInvalid|resyncRequired)$/i.test(graphCode);
}

/**
 * Why changes are not to be had at all. Graph keeps its state for them in the mailbox, so that a full one refuses them
 * (https://github.com/alcionai/corso/pull/3184), not every cloud has them (https://learn.microsoft.com/graph/api/message-delta),
 * and a delegate may get 404 for those of a folder that opens (https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/3606);
 * whether it does, listing shows.
 */
function whyRefused(error: unknown): Refusal | undefined {
  if (!(error instanceof GraphError)) return undefined;
  const { status, graphCode } = error.answer;
  if (status === 403 && graphCode === "ErrorQuotaExceeded") return "mailbox-full";
  // Asked to walk again from the start, at the start.
  if (isReset(error)) return "no-end";
  return status === 400 || status === 405 || status === 501 || saysNoFolder(error) ? "not-supported" : undefined;
}

/** https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/6538 */
function isTooHeavy(error: unknown): boolean {
  if (!(error instanceof GraphError) || error.code !== "GRAPH_UNAVAILABLE") return false;
  const { status } = error.answer;
  return status === 502 || status === 504;
}

function toListPage(body: DeltaBody, size: number): ListPage {
  if (!Array.isArray(body.value)) throw unreadable("a page of messages without its list");
  const messages = (body.value as readonly DeltaItem[]).map((item) => {
    const { id } = item;
    const receivedAt = timeOf(item.receivedDateTime);
    if (typeof id !== "string" || receivedAt === undefined) throw unreadable("a message without an id or its date");
    return { id, receivedAt, fingerprint: fingerprintOf(item) };
  });
  return { messages, link: body["@odata.nextLink"], full: messages.length >= size };
}

function toPage(body: DeltaBody): ChangePage {
  const next = body["@odata.nextLink"];
  const link = next ?? body["@odata.deltaLink"];
  // An answer that cannot be read must never pass for "no new mail".
  if (!Array.isArray(body.value) || link === undefined) throw unreadable("a page of changes without its list or link");
  return {
    messages: (body.value as readonly DeltaItem[]).map((item) => {
      if (typeof item.id !== "string") throw unreadable("a change without an id");
      const removed = item["@removed"] !== undefined;
      return { id: item.id, receivedAt: timeOf(item.receivedDateTime), removed, fingerprint: fingerprintOf(item) };
    }),
    link,
    complete: next === undefined,
  };
}

/** Graph sends MIME as text/plain: https://learn.microsoft.com/graph/outlook-get-mime-message. An error or a page is none. */
async function mustBeMail({ headers, body }: Response): Promise<void> {
  const type = headers.get("content-type") ?? "";
  if (!/^(?:application\/json|text\/html)\b/i.test(type)) return;
  await body?.cancel();
  throw unreadable(`${type.split(";")[0]} instead of a message`);
}

/** The body's bytes; a body that breaks off is a fault of Graph, whatever is done with the bytes. */
async function* bytesOf(response: Response): AsyncGenerator<Uint8Array> {
  try {
    yield* response.body ?? [];
  } catch (error) {
    throw new GraphError(
      "GRAPH_UNAVAILABLE",
      "A message broke off while it was read",
      { status: response.status, graphCode: undefined, requestId: undefined, retryAfterMs: undefined },
      { cause: error },
    );
  }
}

async function jsonOf<T>(response: Response): Promise<T> {
  try {
    return (await response.json()) as T;
  } catch (error) {
    throw unreadable(`something other than JSON (${messageOf(error)})`);
  }
}

function unreadable(what: string): GraphError {
  return new GraphError("GRAPH_UNAVAILABLE", `Graph answered ${what}`, {
    status: 200,
    graphCode: undefined,
    requestId: undefined,
    retryAfterMs: undefined,
  });
}

/** No date is `null`, or the very first that a date can be: https://learn.microsoft.com/dotnet/api/system.datetimeoffset.minvalue */
function timeOf(text: string | null | undefined): Date | undefined {
  const time = new Date(text ?? Number.NaN);
  return time.getTime() > FIRST_DATE_MS ? time : undefined;
}
