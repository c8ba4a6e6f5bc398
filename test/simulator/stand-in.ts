import http from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import type { Certificate } from "./tls.ts";

/** A request as a stand-in saw it; also an entry of its log. */
export interface SeenRequest {
  /** Simulated ms since 1970. */
  readonly at: number;
  readonly method: string;
  /** Path as sent, still percent-encoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: http.IncomingHttpHeaders;
  /** Each header `Cookie` of its own; `headers` has them as one. */
  readonly cookieLines?: readonly string[];
  readonly body: Buffer;
  /** The body read as a form. */
  readonly form: URLSearchParams;
}

export interface Answer {
  /** 0: there is none, the connection ends without it. */
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** A stream is sent chunked, without a length; anything else with its length. */
  readonly body?: string | Buffer | AsyncIterable<Uint8Array>;
}

/** What goes wrong with a request. */
export type Fault =
  /** This answer instead of the stand-in's own; the request has no effect. */
  | { readonly kind: "answer"; readonly answer: Answer }
  /** The connection is cut before the request has any effect. */
  | { readonly kind: "cut-before" }
  /** The request takes effect, then the connection is cut: its answer is lost. */
  | { readonly kind: "cut-after" }
  /** The answer breaks off after so many bytes of its body. */
  | { readonly kind: "cut-body"; readonly afterBytes: number }
  /** Code that runs before the request takes effect, for instance to move the clock or to wait. */
  | { readonly kind: "before"; readonly run: (request: SeenRequest) => void | Promise<void> };

export interface StandIn {
  /** Such as `https://127.0.0.1:7073`, without a trailing slash. */
  readonly origin: string;
  /** Every request since the start or since somebody emptied it. */
  readonly requests: SeenRequest[];
  /** The next `times` requests that match meet this fault. Planned faults are used in their order. */
  plan(matches: (request: SeenRequest) => boolean, fault: Fault, times?: number): void;
  /** Adds these headers to each answer, until others are set. */
  setHeaders(headers: Readonly<Record<string, string>>): void;
  /**
   * For a request inside another one, such as a part of a batch: it is logged and meets planned faults as any other. It has
   * no connection of its own that could be cut; what is lost on the way becomes a 503 before its effect, a 504 after it.
   */
  serveInside(request: SeenRequest, handle: (request: SeenRequest) => Promise<Answer>): Promise<Answer>;
  /** Forgets the faults that were planned. */
  clearFaults(): void;
  /** While it is down, each connection is cut at once. */
  setDown(down: boolean): void;
  readonly isDown: boolean;
  stop(): Promise<void>;
}

export interface StandInOptions {
  /** For messages: "Graph", "Key Vault". */
  readonly name: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly certificate?: Certificate;
  /** Host name in `origin`; the server always listens on 127.0.0.1 only. */
  readonly host?: string;
  handle(request: SeenRequest): Answer | Promise<Answer>;
}

/** Puts a stand-in's handler where it is reached: behind a server on loopback, or within this process. */
export type StartServer = (options: StandInOptions) => Promise<StandIn>;

/** What a stand-in answers when something takes its port already. */
export class PortInUseError extends Error {
  override readonly name = "PortInUseError";
  constructor(name: string, port: number) {
    super(`Port ${port}, needed for ${name}, is in use. Stop what uses it, or choose another range with --port.`);
  }
}

/** Listens on 127.0.0.1; a port in use becomes a `PortInUseError`. */
export async function listen(server: http.Server, name: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(error.code === "EADDRINUSE" ? new PortInUseError(name, port) : error),
    );
    server.listen(port, "127.0.0.1", resolve);
  });
  return (server.address() as AddressInfo).port;
}

/** An HTTP server on loopback that logs its requests and can fail in every way that a network can. */
export async function startStandIn(options: StandInOptions): Promise<StandIn> {
  const requests: SeenRequest[] = [];
  let plans: { matches: (request: SeenRequest) => boolean; fault: Fault; left: number }[] = [];
  let extraHeaders: Readonly<Record<string, string>> = {};
  let down = false;

  function takeFault(request: SeenRequest): Fault | undefined {
    const plan = plans.find((candidate) => candidate.matches(request));
    if (plan === undefined) return undefined;
    plan.left -= 1;
    if (plan.left <= 0) plans = plans.filter((other) => other !== plan);
    return plan.fault;
  }

  async function serve(incoming: http.IncomingMessage, outgoing: http.ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? "/", origin);
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const request: SeenRequest = {
      at: Date.now(),
      method: incoming.method ?? "GET",
      path: url.pathname,
      query: url.searchParams,
      headers: incoming.headers,
      cookieLines: incoming.headersDistinct.cookie ?? [],
      body,
      get form() {
        return new URLSearchParams(body.toString());
      },
    };
    requests.push(request);
    const fault = takeFault(request);
    if (fault?.kind === "cut-before") {
      incoming.socket.destroy();
      return;
    }
    if (fault?.kind === "before") await fault.run(request);
    const own = fault?.kind === "answer" ? fault.answer : await options.handle(request);
    const answer = { ...own, headers: { ...own.headers, ...extraHeaders } };
    if (fault?.kind === "cut-after" || down || own.status === 0) {
      incoming.socket.destroy();
      return;
    }
    await send(outgoing, answer, fault?.kind === "cut-body" ? fault.afterBytes : Number.POSITIVE_INFINITY);
  }

  const listener = (incoming: http.IncomingMessage, outgoing: http.ServerResponse) => {
    if (down) {
      incoming.socket.destroy();
      return;
    }
    serve(incoming, outgoing).catch((error: unknown) => {
      // A client that hangs up is everyday life here; a fault in a stand-in must be seen.
      if (!incoming.socket.destroyed) {
        process.stderr.write(`${options.name} stand-in: ${error instanceof Error ? error.stack : String(error)}\n`);
        if (!outgoing.headersSent) outgoing.writeHead(500);
        outgoing.end();
      }
    });
  };
  const server = options.certificate ? https.createServer(options.certificate, listener) : http.createServer(listener);
  const port = await listen(server, options.name, options.port);
  const origin = `${options.certificate ? "https" : "http"}://${options.host ?? "127.0.0.1"}:${port}`;

  return {
    origin,
    requests,
    plan: (matches, fault, times = 1) => {
      plans.push({ matches, fault, left: times });
    },
    setHeaders: (headers) => {
      extraHeaders = headers;
    },
    serveInside: async (request, handle) => {
      requests.push(request);
      const fault = takeFault(request);
      if (fault?.kind === "answer") return fault.answer;
      if (fault?.kind === "cut-before") return { status: 503 };
      if (fault?.kind === "before") await fault.run(request);
      const answer = await handle(request);
      return fault?.kind === "cut-after" || fault?.kind === "cut-body" ? { status: 504 } : answer;
    },
    clearFaults: () => {
      plans = [];
    },
    setDown: (value) => {
      down = value;
    },
    get isDown() {
      return down;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function send(outgoing: http.ServerResponse, answer: Answer, cutAfterBytes: number): Promise<void> {
  const { status, headers = {}, body = "" } = answer;
  const fixed = typeof body === "string" || Buffer.isBuffer(body) ? Buffer.from(body as string) : undefined;
  for (const [name, value] of Object.entries(headers)) outgoing.setHeader(name, value);
  if (fixed && status !== 204) outgoing.setHeader("content-length", fixed.byteLength);
  outgoing.writeHead(status);
  let left = cutAfterBytes;
  for await (const chunk of fixed ? [fixed] : (body as AsyncIterable<Uint8Array>)) {
    if (chunk.byteLength >= left) {
      await new Promise<void>((resolve) => outgoing.write(chunk.subarray(0, left), () => resolve()));
      outgoing.socket?.destroy();
      return;
    }
    left -= chunk.byteLength;
    if (outgoing.destroyed) return;
    if (!outgoing.write(chunk)) await drained(outgoing);
  }
  outgoing.end();
}

/** Until the client has read on, or has gone away. */
function drained(outgoing: http.ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      outgoing.off("drain", done).off("close", done);
      resolve();
    };
    outgoing.on("drain", done).on("close", done);
  });
}

/** A JSON answer. */
export function json(status: number, value: unknown, headers: Answer["headers"] = {}): Answer {
  return {
    status,
    headers: { "content-type": "application/json; charset=utf-8", ...headers },
    body: JSON.stringify(value),
  };
}

/** An HTML answer. */
export function html(status: number, page: string, headers: Answer["headers"] = {}): Answer {
  return {
    status,
    headers: { "content-type": "text/html; charset=utf-8", "cache-control": "no-store", ...headers },
    body: page,
  };
}
