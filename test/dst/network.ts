import type { Answer, Fault, SeenRequest, StandIn, StandInOptions, StartServer } from "../simulator/stand-in.ts";
import type { Actor, Scheduler } from "./scheduler.ts";

/** Those of a stand-in, and one more: the request takes effect, and what comes back is something else, as from a proxy. */
export type NetworkFault = Fault | { readonly kind: "other-answer"; readonly answer: Answer };

/** What the rest of the simulation has to do with a request to a stand-in. */
export interface NetworkHooks {
  /** What goes wrong with it; asked when it gets there. */
  fault(service: string, request: SeenRequest): NetworkFault | undefined;
  /** It got there, and this is what the stand-in answers. */
  arrived(service: string, request: SeenRequest, answer: Answer, actor: Actor | undefined): void | Promise<void>;
  /** It may have got there, but its sender does not learn what became of it. */
  answerLost(service: string, request: SeenRequest): void;
  /** Its sender has the answer. */
  answered(service: string, response: Response, actor: Actor | undefined): void;
}

export interface Network {
  readonly startServer: StartServer;
  readonly fetch: typeof globalThis.fetch;
}

interface Server {
  readonly name: string;
  readonly handle: StandInOptions["handle"];
  isDown: boolean;
}

/** Mail comes in pieces: one of the usual size in two or three. */
const PIECE_BYTES = 100;

/** The stand-ins, reached within this process: no sockets, no timers, every call an operation of the scheduler. */
export function createNetwork(scheduler: Scheduler, hooks: NetworkHooks): Network {
  const servers = new Map<string, Server>();

  async function startServer({ name, certificate, handle }: StandInOptions): Promise<StandIn> {
    const host = name.toLowerCase().replaceAll(" ", "-");
    const origin = `${certificate === undefined ? "http" : "https"}://${host}.simulated`;
    const server: Server = { name: host, handle, isDown: false };
    servers.set(origin, server);
    return {
      origin,
      requests: [],
      plan: () => {
        throw new Error("Faults are drawn here, not planned");
      },
      setHeaders: () => {},
      serveInside: async (request, handleInside) => {
        const answer = await handleInside(request);
        await hooks.arrived(host, request, answer, undefined);
        return answer;
      },
      clearFaults: () => {},
      setDown: (down) => {
        server.isDown = down;
      },
      get isDown() {
        return server.isDown;
      },
      stop: async () => {},
    };
  }

  async function respond({ name, handle }: Server, request: SeenRequest, actor: Actor | undefined): Promise<Response> {
    const fault = hooks.fault(name, request);
    if (fault?.kind === "cut-before") throw cut("ECONNRESET");
    const answer = fault?.kind === "answer" ? fault.answer : await handle(request);
    if (fault?.kind !== "answer") await hooks.arrived(name, request, answer, actor);
    if (fault?.kind === "cut-after") {
      hooks.answerLost(name, request);
      throw cut("ECONNRESET");
    }
    if (fault?.kind === "other-answer") hooks.answerLost(name, request);
    const given = fault?.kind === "other-answer" ? fault.answer : answer;
    return await toResponse(given, fault?.kind === "cut-body" ? fault.afterBytes : undefined);
  }

  async function fetchInProcess(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    const url = new URL(input instanceof Request ? input.url : input);
    const server = servers.get(url.origin);
    if (server === undefined) throw cut("ENOTFOUND");
    const request = await toSeenRequest(url, init);
    const actor = scheduler.actor();
    const response = await scheduler.operate({
      name: `${server.name} ${request.method} ${url.pathname}${url.search}`,
      signal: init.signal ?? undefined,
      effect: async () => {
        if (server.isDown) throw cut("ECONNREFUSED");
        return await respond(server, request, actor);
      },
      givenUp: () => hooks.answerLost(server.name, request),
    });
    hooks.answered(server.name, response, actor);
    return response;
  }

  return { startServer, fetch: fetchInProcess };
}

async function toSeenRequest(url: URL, { method = "GET", headers, body }: RequestInit): Promise<SeenRequest> {
  const bytes = body instanceof Blob ? Buffer.from(await body.arrayBuffer()) : Buffer.from(String(body ?? ""));
  return {
    at: Date.now(),
    method,
    path: url.pathname,
    query: url.searchParams,
    headers: Object.fromEntries(new Headers(headers)),
    body: bytes,
    form: new URLSearchParams(),
  };
}

async function toResponse({ status, headers = {}, body = "" }: Answer, cutAfter: number | undefined) {
  const chunks: Uint8Array[] = [];
  const isWhole = typeof body === "string" || Buffer.isBuffer(body);
  if (isWhole) chunks.push(Buffer.from(body as string));
  else for await (const chunk of body) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const content =
    isWhole && cutAfter === undefined ? bytes : inPieces(bytes.subarray(0, cutAfter), cutAfter !== undefined);
  return new Response(status === 204 ? null : content, { status, headers: headers as Record<string, string> });
}

/** Each piece a buffer of its own, which whoever reads it may keep. */
function inPieces(bytes: Uint8Array, breaksOff: boolean): ReadableStream {
  let sent = 0;
  return new ReadableStream({
    pull: (controller) => {
      const piece = Uint8Array.from(bytes.subarray(sent, sent + PIECE_BYTES));
      sent += piece.byteLength;
      if (piece.byteLength > 0) controller.enqueue(piece);
      else if (breaksOff) controller.error(new TypeError("terminated"));
      else controller.close();
    },
  });
}

function cut(code: string): TypeError {
  return new TypeError("fetch failed", { cause: Object.assign(new Error(code), { code }) });
}
