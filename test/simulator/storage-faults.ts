import { randomUUID } from "node:crypto";
import type http from "node:http";

type StorageService = "table" | "queue";

/** Which request meets a planned fault; what is left out may be anything. Plain data, so that it reaches another thread. */
export interface StorageFaultTarget {
  readonly service?: StorageService;
  readonly method?: string;
  /** So many requests of that kind are spared first. */
  readonly after?: number;
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
  /** Of the firewall and of a private endpoint; a missing role says AuthorizationPermissionMismatch. */
  firewall: {
    status: 403,
    code: "AuthorizationFailure",
    message: "This request is not authorized to perform this operation.",
  },
  "condition-not-met": {
    status: 412,
    code: "UpdateConditionNotSatisfied",
    message: "The update condition specified in the request was not satisfied.",
  },
} as const;

export type StorageRefusal = keyof typeof REFUSALS;

/** Faults in front of Azurite, which may live in another thread: they are in force when a promise resolves. */
export interface StorageFaults {
  /** Every request meets this fault, until it is `undefined` again. */
  setOutage(fault: StorageFault | undefined): Promise<void>;
  /** The next such request meets this fault. Planned faults come before an outage, in their order. */
  plan(fault: StorageFault, target?: StorageFaultTarget): Promise<void>;
  /** Forgets the faults that were planned, and ends an outage. */
  clear(): Promise<void>;
}

/** Stands inside Azurite's own servers: what meets no fault reaches it untouched, so that nothing gets slower. */
export interface StorageGate extends StorageFaults {
  /** Puts itself in front of what serves requests at this server so far. */
  guard(service: StorageService, server: http.Server): void;
}

/** The faults that are planned, for whatever puts them in front of storage. */
export interface StorageFaultPlan extends StorageFaults {
  /** What this request meets. */
  faultFor(service: StorageService, method: string | undefined): StorageFault | undefined;
}

export function createStorageFaultPlan(): StorageFaultPlan {
  let outage: StorageFault | undefined;
  let plans: { readonly fault: StorageFault; readonly target: StorageFaultTarget; spared: number }[] = [];

  function faultFor(service: StorageService, method: string | undefined): StorageFault | undefined {
    const plan = plans.find(
      ({ target }) => (target.service ?? service) === service && (target.method ?? method) === method,
    );
    if (plan === undefined) return outage;
    if (plan.spared < (plan.target.after ?? 0)) {
      plan.spared += 1;
      return outage;
    }
    plans = plans.filter((other) => other !== plan);
    return plan.fault;
  }

  return {
    faultFor,
    setOutage: async (fault) => {
      outage = fault;
    },
    plan: async (fault, target = {}) => {
      plans.push({ fault, target, spared: 0 });
    },
    clear: async () => {
      plans = [];
      outage = undefined;
    },
  };
}

export function createStorageGate(): StorageGate {
  const plan = createStorageFaultPlan();

  function guard(service: StorageService, server: http.Server): void {
    const listeners = server.listeners("request") as http.RequestListener[];
    server.removeAllListeners("request");
    server.on("request", (incoming: http.IncomingMessage, outgoing: http.ServerResponse) => {
      const serve = () => {
        for (const listener of listeners) listener(incoming, outgoing);
      };
      const fault = plan.faultFor(service, incoming.method);
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

  return { ...plan, guard };
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
