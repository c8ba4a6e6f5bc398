import { type Answer, json, type SeenRequest } from "../stand-in.ts";
import type { GraphControls } from "./graph-controls.ts";
import { badRequest, conversionFailed, gatewayTimeout, inefficientFilter } from "./graph-errors.ts";
import type { Folder, MailboxStore, StoredMessage } from "./graph-mailbox-store.ts";
import { checkSelect, messageJson } from "./graph-message-json.ts";
import { readPreferences, readReceivedFilter, readSelect, readTop } from "./graph-odata.ts";

const DEFAULT_LIST_SIZE = 10;
const MIME_CHUNK_BYTES = 16 * 1024;

/** `GET …/mailFolders/{folder}/messages`: https://learn.microsoft.com/graph/api/user-list-messages */
export function listMessages(
  store: MailboxStore,
  folder: Folder,
  request: SeenRequest,
  { origin, controls }: { readonly origin: string; readonly controls: GraphControls },
): Answer {
  const { query } = request;
  const { immutableIds, maxPageSize } = readPreferences(request);
  const filter = readReceivedFilter(query);
  const select = readSelect(query);
  checkSelect(select);
  const size = readTop(query) ?? Math.min(maxPageSize ?? DEFAULT_LIST_SIZE, 1000);
  if (size > (controls.heaviestPage ?? size)) throw gatewayTimeout();
  const skip = controls.ignoresSkip ? 0 : Number(query.get("$skip") ?? 0);

  const messages = store.visibleMessages(folder).filter(({ receivedAt }) => filter?.accepts(receivedAt) ?? true);
  const direction = readDirection(query, filter !== undefined);
  messages.sort((left, right) => direction * (left.receivedAt.getTime() - right.receivedAt.getTime()));

  // The page is a place in a list that goes on changing, as the real `$skip` is.
  const value = messages.slice(skip, skip + size).map((message) => messageJson(message, { immutableIds, select }));
  const nextQuery = [...query]
    .filter(([name]) => name !== "$skip")
    .map(([name, text]) => `${name}=${encodeURIComponent(text)}`);
  const nextLink = `${origin}${request.path}?${[...nextQuery, `$skip=${skip + size}`].join("&")}`;
  const hasMore = skip + size < messages.length;
  // https://github.com/microsoftgraph/microsoft-graph-docs/issues/2153
  const isLinkLost = hasMore && controls.lostNextLinks > 0;
  if (isLinkLost) controls.lostNextLinks -= 1;
  return json(200, {
    "@odata.context": `${origin}/v1.0/$metadata#users('${encodeURIComponent(store.address)}')/mailFolders('${folder.id}')/messages`,
    value,
    ...(hasMore && !isLinkLost ? { "@odata.nextLink": nextLink } : {}),
  });
}

/** 1 for the oldest first. */
function readDirection(query: URLSearchParams, isFiltered: boolean): 1 | -1 {
  const orderBy = query.get("$orderby");
  if (orderBy === null) return -1;
  const [, property, order = "asc"] = /^(\w+)(?:\s+(asc|desc))?$/i.exec(orderBy.trim()) ?? [];
  if (property === undefined) throw badRequest(`Syntax error in '${orderBy}'.`);
  if (property !== "receivedDateTime") {
    throw isFiltered
      ? inefficientFilter()
      : badRequest(`The stand-in sorts by receivedDateTime only, not by ${property}.`);
  }
  return order.toLowerCase() === "asc" ? 1 : -1;
}

/** `GET …/messages/{id}` */
export function getMessage(store: MailboxStore, message: StoredMessage, request: SeenRequest, origin: string): Answer {
  return json(200, oneMessage(store, message, request, origin));
}

function oneMessage(store: MailboxStore, message: StoredMessage, request: SeenRequest, origin: string): unknown {
  const select = readSelect(request.query);
  checkSelect(select);
  return {
    "@odata.context": `${origin}/v1.0/$metadata#users('${encodeURIComponent(store.address)}')/messages/$entity`,
    ...messageJson(message, { immutableIds: readPreferences(request).immutableIds, select }),
  };
}

/**
 * `GET …/messages/{id}/$value`: text/plain whatever is in it, chunked, without a length. It does not mark as read.
 * https://learn.microsoft.com/graph/outlook-get-mime-message
 */
export function getMime(message: StoredMessage): Answer {
  if (message.isCorrupt) throw conversionFailed();
  return { status: 200, headers: { "content-type": "text/plain" }, body: inChunks(message.mime) };
}

async function* inChunks(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.byteLength; start += MIME_CHUNK_BYTES) {
    yield bytes.subarray(start, start + MIME_CHUNK_BYTES);
  }
}

/** `PATCH …/messages/{id}` with `isRead` or `categories`. */
export function patchMessage(
  store: MailboxStore,
  message: StoredMessage,
  request: SeenRequest,
  origin: string,
): Answer {
  const { isRead, categories } = readJson(request);
  if (isRead !== undefined && typeof isRead !== "boolean") throw badRequest("Cannot convert isRead to Edm.Boolean.");
  if (categories !== undefined && !isTextList(categories))
    throw badRequest("Cannot convert categories to Collection(Edm.String).");
  store.update(message, {
    ...(isRead === undefined ? {} : { isRead }),
    ...(categories === undefined ? {} : { categories }),
  });
  return getMessage(store, message, request, origin);
}

/** `POST …/messages/{id}/move`: https://learn.microsoft.com/graph/api/message-move */
export function moveMessage(store: MailboxStore, message: StoredMessage, request: SeenRequest, origin: string): Answer {
  const { destinationId } = readJson(request);
  if (typeof destinationId !== "string") throw badRequest("The parameter destinationId is missing.");
  store.moveTo(message, store.folderOf(destinationId));
  return json(201, oneMessage(store, message, request, origin));
}

/** `DELETE …/messages/{id}` moves it to the deleted items. */
export function deleteMessage(store: MailboxStore, message: StoredMessage): Answer {
  store.moveTo(message, store.folderOf("deleteditems"));
  return { status: 204 };
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function readJson(request: SeenRequest): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(request.body.toString());
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Told below, like every other body that is no JSON object.
  }
  throw badRequest(
    "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.",
  );
}
