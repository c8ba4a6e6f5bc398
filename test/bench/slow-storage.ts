import { randomUUID } from "node:crypto";
import http from "node:http";
import type { AddressInfo } from "node:net";
import timers from "node:timers";
import { setTimeout } from "node:timers/promises";

const ACCOUNT = "devstoreaccount1";
const ROWS_PER_PAGE = 1_000;

/** Storage far away: it answers what a tick asks of the table Mailboxes and of the queue, each request after a while. */
export interface SlowStorage {
  readonly connectionString: string;
  readonly requests: number;
  readonly messages: number;
  /** In rounds: what its answers took, if all that asked in one round had asked at the same moment. */
  readonly simulatedMs: number;
  stop(): Promise<void>;
}

export interface SlowStorageOptions {
  /** So many mailboxes are in the list, all of them due. */
  readonly mailboxes: number;
  readonly latencyMs: number;
  /**
   * real: each request waits for its latency. rounds: whoever asks waits until nobody else asks any more, and that
   * counts as one latency for all of them; the processor's share is left out, so that the figure is the same on any machine.
   */
  readonly pace: "real" | "rounds";
}

/** Nobody has asked for so long: the round is over. */
const ROUND_ENDS_AFTER_MS = 4;

export async function startSlowStorage({ mailboxes, latencyMs, pace }: SlowStorageOptions): Promise<SlowStorage> {
  let requests = 0;
  let messages = 0;
  let rounds = 0;
  let round: { readonly over: PromiseWithResolvers<void>; end: NodeJS.Timeout } | undefined;

  async function latency(): Promise<void> {
    if (pace === "real") return setTimeout(latencyMs);
    round ??= { over: Promise.withResolvers<void>(), end: timers.setTimeout(endRound, ROUND_ENDS_AFTER_MS) };
    round.end.refresh();
    return round.over.promise;
  }

  function endRound(): void {
    rounds += 1;
    round?.over.resolve();
    round = undefined;
  }

  async function answer(incoming: http.IncomingMessage, outgoing: http.ServerResponse): Promise<void> {
    requests += 1;
    let body = "";
    for await (const chunk of incoming) body += chunk;
    await latency();
    const url = new URL(incoming.url ?? "/", "http://127.0.0.1");
    if (url.pathname.endsWith("/messages")) {
      messages += 1;
      outgoing.writeHead(201, { "content-type": "application/xml" }).end(MESSAGE_LIST);
    } else if (url.pathname.endsWith("/$batch")) {
      const changeset = randomUUID();
      const parts = body.match(/^PATCH /gm)?.length ?? 0;
      outgoing
        .writeHead(202, { "content-type": `multipart/mixed; boundary=batchresponse_${changeset}` })
        .end(batchAnswer(changeset, parts));
    } else if (incoming.method === "GET" && url.pathname.endsWith(")") && !url.pathname.endsWith("()")) {
      outgoing.writeHead(404, { "content-type": "application/json" }).end(NOT_FOUND);
    } else if (incoming.method === "GET") {
      const start = Number(url.searchParams.get("NextRowKey") ?? 0);
      const rows = Array.from({ length: Math.min(ROWS_PER_PAGE, mailboxes - start) }, (_, index) =>
        row(start + index, url.searchParams.get("$select")),
      );
      const more = start + ROWS_PER_PAGE < mailboxes;
      const next = {
        "x-ms-continuation-nextpartitionkey": "mailbox",
        "x-ms-continuation-nextrowkey": String(start + ROWS_PER_PAGE),
      };
      outgoing.writeHead(200, { "content-type": "application/json", ...(more ? next : {}) });
      outgoing.end(JSON.stringify({ value: rows }));
    } else {
      outgoing.writeHead(204, { etag: 'W/"1"' }).end();
    }
  }

  const server = http.createServer((incoming, outgoing) => void answer(incoming, outgoing));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${ACCOUNT}`;

  return {
    connectionString: [
      "DefaultEndpointsProtocol=http",
      `AccountName=${ACCOUNT}`,
      `AccountKey=${Buffer.from("a key that nobody checks").toString("base64")}`,
      `TableEndpoint=${endpoint}`,
      `QueueEndpoint=${endpoint}`,
    ].join(";"),
    get requests() {
      return requests;
    },
    get messages() {
      return messages;
    },
    get simulatedMs() {
      return rounds * latencyMs;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function row(index: number, select: string | null) {
  const RowKey = index.toString(16).padStart(16, "0");
  const whole = { ...ROW, RowKey, address: `mailbox-${index}@example.com`, deliverFrom: NOON, nextFetchAt: NOON };
  if (select === null) return whole;
  const columns = select.split(",");
  return Object.fromEntries(Object.entries(whole).filter(([name]) => columns.includes(name)));
}

const NOON = "2026-11-23T12:00:00.000Z";

/** A mailbox that has been fetched for a while. */
const ROW = {
  "odata.etag": "W/\"datetime'2026-11-23T12%3A00%3A00.0000000Z'\"",
  PartitionKey: "mailbox",
  Timestamp: NOON,
  folder: "inbox",
  desk: "support",
  acknowledge: '{"kind":"nothing"}',
  access: "application",
  status: "connected",
  statusBeforePause: "",
  throttledUntil: "",
  queuedUntil: "",
  lastFetchAt: NOON,
  lastSuccessAt: NOON,
  lastError: "",
  failures: 0,
  lastMailAt: NOON,
  lastRun: "00000000-0000-4000-8000-000000000000",
  graphRequests: JSON.stringify(Array.from({ length: 10 }, () => ({ minute: NOON, requests: 1 }))),
  delivered: 812,
  refused: 0,
};

const NOT_FOUND = JSON.stringify({ "odata.error": { code: "ResourceNotFound", message: { value: "" } } });

const MESSAGE_LIST =
  '<?xml version="1.0" encoding="utf-8"?><QueueMessagesList><QueueMessage><MessageId>1</MessageId>' +
  "<InsertionTime>Mon, 23 Nov 2026 12:00:00 GMT</InsertionTime><ExpirationTime>Mon, 23 Nov 2026 12:15:00 GMT</ExpirationTime>" +
  "<PopReceipt>1</PopReceipt><TimeNextVisible>Mon, 23 Nov 2026 12:00:00 GMT</TimeNextVisible></QueueMessage></QueueMessagesList>";

/** https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions#sample-response */
function batchAnswer(changeset: string, parts: number): string {
  const part = [
    `--changesetresponse_${changeset}`,
    "Content-Type: application/http",
    "Content-Transfer-Encoding: binary",
    "",
    "HTTP/1.1 204 No Content",
    'ETag: W/"2"',
    "",
    "",
  ].join("\r\n");
  return [
    `--batchresponse_${changeset}`,
    `Content-Type: multipart/mixed; boundary=changesetresponse_${changeset}`,
    "",
    `${part.repeat(parts)}--changesetresponse_${changeset}--`,
    `--batchresponse_${changeset}--`,
    "",
  ].join("\r\n");
}
