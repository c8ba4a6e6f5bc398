import { AppError, messageOf } from "../errors.ts";
import type { Acknowledge } from "../mailboxes/mailbox.ts";
import { pathOfLink, type SendToGraph } from "./graph-client.ts";
import { receiveContent } from "./mail-content.ts";
import { type ChangePage, GraphError, type MessageSource, SyncStateLostError } from "./message-source.ts";

/** Larger pages are unproven; pages of ids alone are small. The header must be sent with every page. */
const PAGE_SIZE = 500;
/** Ids that survive a move within the mailbox. https://learn.microsoft.com/graph/outlook-immutable-id */
const IMMUTABLE_IDS = 'IdType="ImmutableId"';

interface DeltaBody {
  readonly value?: readonly DeltaItem[];
  readonly "@odata.nextLink"?: string;
  readonly "@odata.deltaLink"?: string;
}

interface DeltaItem {
  readonly id?: string;
  readonly receivedDateTime?: string;
  readonly "@removed"?: unknown;
}

export interface GraphSourceOptions {
  readonly graphUrl: string;
  readonly address: string;
  readonly folder: string;
  readonly send: SendToGraph;
}

/** One folder of one mailbox through Graph. https://learn.microsoft.com/graph/delta-query-messages */
export function createGraphSource({ graphUrl, address, folder, send }: GraphSourceOptions): MessageSource {
  const user = `/users/${encodeURIComponent(address)}`;
  // `$top` would cap the whole round, a filter the number of messages; neither is used.
  const start = `${user}/mailFolders/${encodeURIComponent(folder)}/messages/delta?$select=receivedDateTime`;
  // The path through the folder answers 405 for $value: https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/5546
  const message = (id: string) => `${user}/messages/${encodeURIComponent(id)}`;
  const headers = { Prefer: IMMUTABLE_IDS };

  async function unlessGone<T>(ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof GraphError && error.answer.graphCode === "ErrorItemNotFound") return undefined;
      throw error;
    }
  }

  return {
    async changes(link) {
      try {
        const path = link === undefined ? start : pathOfLink(graphUrl, link);
        const response = await send({
          method: "GET",
          path,
          headers: { Prefer: `${IMMUTABLE_IDS}, odata.maxpagesize=${PAGE_SIZE}` },
        });
        return toPage(await jsonOf<DeltaBody>(response));
      } catch (error) {
        const lost = link === undefined ? undefined : whyLost(error);
        throw lost === undefined ? error : new SyncStateLostError(lost);
      }
    },

    receivedAt: (id) =>
      unlessGone(async () => {
        const response = await send({ method: "GET", path: `${message(id)}?$select=receivedDateTime`, headers });
        return timeOf((await jsonOf<DeltaItem>(response)).receivedDateTime);
      }),

    content: (id) =>
      unlessGone(async () => {
        const response = await send({ method: "GET", path: `${message(id)}/$value`, headers });
        return receiveContent(bytesOf(response));
      }),

    async acknowledge(id, how) {
      await unlessGone(async () => {
        const response = await sendAcknowledge(id, how);
        await response?.body?.cancel();
      });
    },
  };

  async function sendAcknowledge(id: string, how: Acknowledge): Promise<Response | undefined> {
    switch (how.kind) {
      case "nothing":
        return undefined;
      case "mark-read":
        return send({ method: "PATCH", path: message(id), headers, body: { isRead: true } });
      case "move":
        return send({ method: "POST", path: `${message(id)}/move`, headers, body: { destinationId: how.folder } });
    }
  }
}

/**
 * Tries to open the folder, as a check right after consent.
 * @returns what is wrong, in words for a page; `undefined` where it opens
 */
export async function cannotOpenFolder(
  send: SendToGraph,
  address: string,
  folder: string,
): Promise<string | undefined> {
  const path = `/users/${encodeURIComponent(address)}/mailFolders/${encodeURIComponent(folder)}?$select=id`;
  try {
    const response = await send({ method: "GET", path });
    await response.body?.cancel();
    return undefined;
  } catch (error) {
    if (error instanceof GraphError && error.code === "GRAPH_REFUSED") return error.message;
    throw error;
  }
}

/**
 * Why a stored link is of no use: Graph has forgotten the position (410, or another 4xx with one of its codes), does not
 * understand the link, or it belongs to another Graph than the configured one.
 */
function whyLost(error: unknown): string | undefined {
  if (error instanceof AppError && error.code === "BAD_LINK") return error.code;
  if (!(error instanceof GraphError)) return undefined;
  const { status, graphCode = "" } = error.answer;
  const isReset = /^(?:syncStateNotFound|syncStateInvalid|resyncRequired)$/i.test(graphCode);
  return isReset || status === 410 || status === 400 ? `${status} ${graphCode}`.trimEnd() : undefined;
}

function toPage(body: DeltaBody): ChangePage {
  const next = body["@odata.nextLink"];
  const link = next ?? body["@odata.deltaLink"];
  // An answer that cannot be read must never pass for "no new mail".
  if (!Array.isArray(body.value) || link === undefined) throw unreadable("a page of changes without its list or link");
  return {
    messages: (body.value as readonly DeltaItem[]).map((item) => {
      if (typeof item.id !== "string") throw unreadable("a change without an id");
      return { id: item.id, receivedAt: timeOf(item.receivedDateTime), removed: item["@removed"] !== undefined };
    }),
    link,
    complete: next === undefined,
  };
}

/** The body's bytes; a body that breaks off is a fault of Graph, whatever is done with the bytes. */
async function* bytesOf(response: Response): AsyncGenerator<Uint8Array> {
  try {
    yield* response.body ?? [];
  } catch (error) {
    throw new GraphError(
      "GRAPH_UNAVAILABLE",
      "A message broke off while it was read; it is read again later",
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
  return new GraphError("GRAPH_UNAVAILABLE", `Graph answered ${what}; the next run asks again`, {
    status: 200,
    graphCode: undefined,
    requestId: undefined,
    retryAfterMs: undefined,
  });
}

function timeOf(text: string | undefined): Date | undefined {
  const time = text === undefined ? undefined : new Date(text);
  return time === undefined || Number.isNaN(time.getTime()) ? undefined : time;
}
