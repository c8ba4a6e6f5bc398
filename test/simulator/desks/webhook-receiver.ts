import type { IncomingHttpHeaders } from "node:http";
import { escapeHtml } from "../escape-html.ts";
import {
  type Answer,
  html,
  json,
  type SeenRequest,
  type StandIn,
  type StartServer,
  startStandIn,
} from "../stand-in.ts";
import { verifyWebhookSignature } from "./webhook-signature.ts";

/** One delivery as it arrived, whatever was answered. */
interface ReceivedWebhook {
  /** Simulated ms since 1970. */
  readonly at: number;
  /** The header `webhook-id`; empty when it is missing. */
  readonly id: string;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  /** The status that it was answered with. */
  readonly status: number;
}

/** A receiver that takes mail as webhooks: https://www.standardwebhooks.com */
export interface WebhookReceiver {
  readonly url: string;
  /** Everything that came, in order, refused ones included. */
  readonly received: readonly ReceivedWebhook[];
  /** How often a delivery with this `webhook-id` came. The receiver itself ignores repetitions. */
  timesSeen(id: string): number;
  /** Answers every delivery with this status from now on; `undefined` goes back to the usual answers. */
  answerWith(status: number | undefined): void;
  /** For planned faults and for being down. */
  readonly standIn: StandIn;
  stop(): Promise<void>;
}

interface WebhookReceiverOptions {
  /** 0 takes a free one. */
  readonly port: number;
  /** `whsec_` and base64. Without it every delivery is taken unverified. */
  readonly secret?: string;
  /** A server on loopback, unless told otherwise. */
  readonly startServer?: StartServer;
}

export async function startWebhookReceiver(options: WebhookReceiverOptions): Promise<WebhookReceiver> {
  const { port, secret, startServer = startStandIn } = options;
  const received: ReceivedWebhook[] = [];
  let fixedStatus: number | undefined;

  function take(request: SeenRequest): Answer {
    const verdict = secret === undefined ? undefined : verifyWebhookSignature(secret, request);
    const status = fixedStatus ?? (verdict === undefined ? 202 : 401);
    received.push({
      at: request.at,
      id: String(request.headers["webhook-id"] ?? ""),
      headers: request.headers,
      bytes: request.body,
      status,
    });
    if (fixedStatus !== undefined) return { status };
    return verdict === undefined ? { status } : json(status, { error: verdict });
  }

  const standIn = await startServer({
    name: "Webhook receiver",
    port,
    handle: (request) => {
      if (request.path !== "/") return { status: 404 };
      if (request.method === "POST") return take(request);
      if (request.method === "GET") return html(200, page(received));
      return { status: 405, headers: { allow: "GET, POST" } };
    },
  });

  return {
    url: `${standIn.origin}/`,
    received,
    timesSeen: (id) => received.filter((webhook) => webhook.id === id).length,
    answerWith: (status) => {
      fixedStatus = status;
    },
    standIn,
    stop: standIn.stop,
  };
}

function page(received: readonly ReceivedWebhook[]): string {
  const rows = received
    .toReversed()
    .map(({ at, id, bytes, status }) => {
      const cells = [new Date(at).toISOString(), id, `${bytes.byteLength} bytes`, String(status)];
      return `<tr>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join("")}</tr>`;
    })
    .join("\n");
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Webhook receiver (stand-in)</title></head>
<body><h1>Webhook receiver</h1><p>A stand-in of the simulator. ${received.length} deliveries came.</p>
<table><thead><tr><th>When</th><th>webhook-id</th><th>Size</th><th>Answered</th></tr></thead><tbody>
${rows}
</tbody></table></body></html>`;
}
