import { randomUUID } from "node:crypto";
import type http from "node:http";

export type StorageService = "table" | "queue";

/** A request to storage, before Azurite has seen anything of it. */
export interface StorageRequest {
  readonly service: StorageService;
  readonly method: string;
  /** Account and resource, still percent-encoded, without the query. */
  readonly path: string;
}

/** What goes wrong with a request to storage. */
export type StorageFault =
  /** A refusal in storage's own words; the request has no effect. */
  | { readonly kind: "refuse"; readonly refusal: StorageRefusal }
  /** The connection is cut before the request has any effect. */
  | { readonly kind: "cut-before" }
  /** The request takes effect, then the connection is cut: its answer is lost. */
  | { readonly kind: "cut-after" }
  /** Azurite sees it only after so many real milliseconds. */
  | { readonly kind: "slow"; readonly ms: number };

/** Codes and texts: https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes */
const REFUSALS = {
  "server-busy": { status: 503, code: "ServerBusy", message: "The server is busy." },
  "internal-error": {
    status: 500,
    code: "InternalError",
    message: "Server encountered an internal error. Please try again after some time.",
  },
  "condition-not-met": {
    status: 412,
    code: "UpdateConditionNotSatisfied",
    message: "The update condition specified in the request was not satisfied.",
  },
} as const;

export type StorageRefusal = keyof typeof REFUSALS;

/**
 * Faults in front of Azurite, inside its own servers: a request that meets none reaches it untouched, so signatures stay
 * valid and nothing gets slower.
 */
export interface StorageFaults {
  /** Every request meets this fault, until it is `undefined` again. */
  setOutage(fault: StorageFault | undefined): void;
  /** The next `times` requests that match meet this fault. Planned faults come before an outage, in their order. */
  plan(matches: (request: StorageRequest) => boolean, fault: StorageFault, times?: number): void;
  /** Forgets the faults that were planned, and ends an outage. */
  clear(): void;
  /** Puts itself in front of what serves requests at this server so far. */
  guard(service: StorageService, server: http.Server): void;
}

export function createStorageFaults(): StorageFaults {
  let outage: StorageFault | undefined;
  let plans: { matches: (request: StorageRequest) => boolean; fault: StorageFault; left: number }[] = [];

  function faultFor(request: StorageRequest): StorageFault | undefined {
    const plan = plans.find(({ matches }) => matches(request));
    if (plan === undefined) return outage;
    plan.left -= 1;
    if (plan.left <= 0) plans = plans.filter((other) => other !== plan);
    return plan.fault;
  }

  function guard(service: StorageService, server: http.Server): void {
    const listeners = server.listeners("request") as http.RequestListener[];
    server.removeAllListeners("request");
    server.on("request", (incoming: http.IncomingMessage, outgoing: http.ServerResponse) => {
      const serve = () => {
        for (const listener of listeners) listener(incoming, outgoing);
      };
      const [path = "/"] = (incoming.url ?? "/").split("?");
      const fault = faultFor({ service, method: incoming.method ?? "GET", path });
      switch (fault?.kind) {
        case undefined:
          serve();
          break;
        case "cut-before":
          incoming.socket.destroy();
          break;
        case "cut-after":
          loseAnswer(outgoing);
          serve();
          break;
        case "slow":
          setTimeout(serve, fault.ms);
          break;
        case "refuse":
          refuse(service, fault.refusal, incoming, outgoing);
          break;
      }
    });
  }

  return {
    setOutage: (fault) => {
      outage = fault;
    },
    plan: (matches, fault, times = 1) => {
      plans.push({ matches, fault, left: times });
    },
    clear: () => {
      plans = [];
      outage = undefined;
    },
    guard,
  };
}

/** The first byte of the answer cuts the connection instead: by then the request has had its effect. */
function loseAnswer(outgoing: http.ServerResponse): void {
  const cut = () => {
    outgoing.socket?.destroy();
    return outgoing;
  };
  Object.assign(outgoing, { write: cut, end: cut });
}

function refuse(
  service: StorageService,
  refusal: StorageRefusal,
  incoming: http.IncomingMessage,
  outgoing: http.ServerResponse,
): void {
  const { status, code, message } = REFUSALS[refusal];
  const requestId = randomUUID();
  const text = `${message}\nRequestId:${requestId}\nTime:${new Date().toISOString()}`;
  // Tables speak JSON, queues XML. https://learn.microsoft.com/rest/api/storageservices/status-and-error-codes2
  const [type, body] =
    service === "table"
      ? ["application/json", JSON.stringify({ "odata.error": { code, message: { lang: "en-US", value: text } } })]
      : [
          "application/xml",
          `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${text}</Message></Error>`,
        ];
  // What was sent is taken off the connection, which then serves the next request.
  incoming.resume();
  outgoing.writeHead(status, {
    "content-type": type,
    "content-length": Buffer.byteLength(body),
    "x-ms-error-code": code,
    "x-ms-request-id": requestId,
  });
  outgoing.end(body);
}
