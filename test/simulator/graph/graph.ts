import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { type Answer, json, type SeenRequest, type StandIn, type StartServer, startStandIn } from "../stand-in.ts";
import type { Certificate } from "../tls.ts";
import { type AccessTokenDetails, authenticate, authorize, type DescribeAccessToken } from "./graph-access.ts";
import { answerBatch } from "./graph-batch.ts";
import { createGraphControls, type GraphControls } from "./graph-controls.ts";
import { createDelta } from "./graph-delta.ts";
import { badRequest, errorAnswer, GraphError, invalidUser, unsupportedRequest } from "./graph-errors.ts";
import { listFolders } from "./graph-folders.ts";
import type { Mailbox, MailboxOptions } from "./graph-mailbox.ts";
import { createMailboxStore, type MailboxStore } from "./graph-mailbox-store.ts";
import { folderJson } from "./graph-message-json.ts";
import { deleteMessage, getMessage, getMime, listMessages, moveMessage, patchMessage } from "./graph-messages.ts";
import { createThrottle, type PlannedThrottling } from "./graph-throttle.ts";

interface GraphOptions {
  /** 0 takes a free one. */
  readonly port: number;
  readonly certificate: Certificate;
  readonly describeAccessToken: DescribeAccessToken;
  /** Brings the random moods, such as empty pages; without it, only what the controls say happens. */
  readonly random?: () => number;
  /** A server on loopback, unless told otherwise. */
  readonly startServer?: StartServer;
}

/** The mail part of Microsoft Graph. */
export interface Graph {
  /** Such as `https://127.0.0.1:7073`; the addresses begin with `/v1.0` after it. */
  readonly origin: string;
  /** Its log, planned faults and `setDown`. */
  readonly server: StandIn;
  readonly controls: GraphControls;
  addMailbox(options: MailboxOptions): Mailbox;
  mailbox(address: string): Mailbox | undefined;
  readonly mailboxes: readonly Mailbox[];
  /** Refuses the next requests to mailboxes with 429. */
  throttle(planned: PlannedThrottling): void;
  /** Lets requests wait, each inside its mailbox, until the function that comes back is called. */
  hold(): () => void;
  /** The most requests that were in flight at once for this mailbox, refused ones included. */
  peakConcurrency(address: string): number;
  /** How many requests it worked on; the parts of a batch count one by one. */
  readonly requestCount: number;
  stop(): Promise<void>;
}

/**
 * Starts a stand-in for https://graph.microsoft.com: folders, messages, delta, MIME, moves and batches under
 * `/v1.0/users/{address}`, with the tokens, limits and bad manners of the real one.
 */
export async function startGraph(options: GraphOptions): Promise<Graph> {
  const { port, certificate, describeAccessToken, random, startServer = startStandIn } = options;
  const controls = createGraphControls();
  const throttle = createThrottle();
  const stores = new Map<string, MailboxStore>();
  const deltaPage = createDelta({ controls, random, origin: () => server.origin });
  let held: Promise<void> = Promise.resolve();
  let requestCount = 0;

  function findStore(user: string): MailboxStore {
    const byAddress = stores.get(user.toLowerCase());
    const found = byAddress ?? [...stores.values()].find((store) => store.options.ownerOid === user);
    if (found === undefined) throw invalidUser(user);
    return found;
  }

  async function respond(request: SeenRequest): Promise<Answer> {
    requestCount += 1;
    const requestId = randomUUID();
    const clientRequestId = String(request.headers["client-request-id"] ?? requestId);
    const answer = await work(request).catch((error: unknown) => {
      if (error instanceof GraphError) return errorAnswer(error, { requestId, clientRequestId });
      throw error;
    });
    return { ...answer, headers: { ...commonHeaders(requestId, clientRequestId), ...answer.headers } };
  }

  async function work(request: SeenRequest): Promise<Answer> {
    const token = authenticate(request, describeAccessToken);
    const [version, collection = "", user = "", ...rest] = readSegments(request.path);
    if (version !== "v1.0") throw badRequest("Invalid version.");
    if (collection === "$batch" && request.method === "POST")
      return answerBatch(request, (part) => server.serveInside(part, respond));
    if (collection.toLowerCase() !== "users") throw unknownPath([collection]);

    // OData takes it for a query option; the key belongs into parentheses then. https://learn.microsoft.com/graph/api/user-get
    if (/^\/v1\.0\/users\/(?:\$|%24)/i.test(request.path)) throw badRequest("Resource not found for the segment.");
    const store = findStore(user);
    const leave = throttle.enter(store.address.toLowerCase());
    try {
      await held;
      if (controls.latencyMs > 0) await wait(controls.latencyMs);
      return answerInMailbox(store, token, rest, request);
    } finally {
      leave();
    }
  }

  function answerInMailbox(
    store: MailboxStore,
    token: AccessTokenDetails,
    path: readonly string[],
    request: SeenRequest,
  ): Answer {
    authorize(token, store.options, { writes: request.method !== "GET" });
    const [collection = "", id = "", ...rest] = path;
    if (id === "" && collection.toLowerCase() === "mailfolders" && request.method === "GET") {
      return json(200, listFolders(store, undefined, request));
    }
    if (id !== "" && collection.toLowerCase() === "mailfolders") return answerInFolder(store, id, rest, request);
    if (id !== "" && collection.toLowerCase() === "messages") return answerForMessage(store, id, rest, request);
    throw unknownPath(path);
  }

  function answerInFolder(store: MailboxStore, id: string, path: readonly string[], request: SeenRequest): Answer {
    const folder = store.folderOf(id);
    const [collection, item, property] = path;
    if (request.method !== "GET") throw unknownPath(path);
    if (collection === undefined) {
      const context = `${server.origin}/v1.0/$metadata#mailFolders/$entity`;
      return json(200, { "@odata.context": context, ...folderJson(store, folder) });
    }
    if (collection === "childFolders") return json(200, listFolders(store, folder, request));
    if (collection !== "messages") throw unknownPath(path);
    if (item === undefined) return listMessages(store, folder, request, { origin: server.origin, controls });
    if (item === "delta") return deltaPage(store, folder, request);
    if (property === "$value") throw unsupportedRequest();
    return getMessage(store, store.messageOf(item), request, server.origin);
  }

  function answerForMessage(store: MailboxStore, id: string, path: readonly string[], request: SeenRequest): Answer {
    if (id === "delta") {
      throw badRequest("Unsupported request: Change tracking is not supported against 'microsoft.graph.message'.");
    }
    const message = store.messageOf(id);
    switch (`${request.method} ${path.join("/")}`) {
      case "GET ":
        return getMessage(store, message, request, server.origin);
      case "GET $value":
        return getMime(message);
      case "PATCH ":
        return patchMessage(store, message, request, server.origin);
      case "DELETE ":
        return deleteMessage(store, message);
      case "POST move":
        return moveMessage(store, message, request, server.origin);
      default:
        throw unknownPath(path);
    }
  }

  const server: StandIn = await startServer({ name: "Graph", port, certificate, handle: respond });

  return {
    origin: server.origin,
    server,
    controls,
    addMailbox: (options) => {
      const store = createMailboxStore(options);
      stores.set(options.address.toLowerCase(), store);
      return store;
    },
    mailbox: (address) => stores.get(address.toLowerCase()),
    get mailboxes() {
      return [...stores.values()];
    },
    throttle: (planned) => throttle.plan(planned),
    hold: () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      return resolve;
    },
    peakConcurrency: (address) => throttle.peak(address.toLowerCase()),
    get requestCount() {
      return requestCount;
    },
    stop: () => server.stop(),
  };
}

function unknownPath(path: readonly string[]): GraphError {
  return badRequest(`Resource not found for the segment '${path.at(-1) ?? ""}'.`);
}

/** The decoded parts of a path; `mailFolders('inbox')` and `mailFolders/inbox` are the same. */
function readSegments(path: string): string[] {
  let decoded: string[];
  try {
    decoded = path.split("/").map((segment) => decodeURIComponent(segment));
  } catch {
    throw badRequest("The request URI is not valid.");
  }
  return decoded
    .filter((segment) => segment !== "")
    .map((segment) => segment.replace(/^microsoft\.graph\.delta\(\)$|^delta\(\)$/, "delta"))
    .flatMap((segment) => {
      const [, name, key] = /^(\w+)\('(.*)'\)$/.exec(segment) ?? [];
      return name !== undefined && key !== undefined ? [name, key.replaceAll("''", "'")] : [segment];
    });
}

const DIAGNOSTIC = JSON.stringify({
  ServerInfo: {
    DataCenter: "Germany West Central",
    Slice: "E",
    Ring: "5",
    ScaleUnit: "001",
    RoleInstance: "FR3PEPF00000000",
  },
});

/** On every answer; `Date` because Node's own would show the real time, not the simulated one. */
function commonHeaders(requestId: string, clientRequestId: string): Record<string, string> {
  return {
    date: new Date().toUTCString(),
    "request-id": requestId,
    "client-request-id": clientRequestId,
    "x-ms-ags-diagnostic": DIAGNOSTIC,
  };
}
