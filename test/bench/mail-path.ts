import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { startUvdesk } from "../simulator/desks/uvdesk.ts";
import { startWebhookReceiver } from "../simulator/desks/webhook-receiver.ts";
import { startGraph } from "../simulator/graph/graph.ts";
import type { SeenRequest, StandIn } from "../simulator/stand-in.ts";
import { trustedCertificate } from "../simulator/tls.ts";
import type { MailThreadAnswer, MailThreadData } from "./mail-thread.ts";
import { createPacedLatency } from "./paced-latency.ts";
import { startSlowAzurite } from "./slow-azurite.ts";

const ADDRESS = "help@example.com";
const OWNER = "00000000-0000-0000-0000-00000000000a";
const TOKEN = "a token";
const DAY_MS = 24 * 3_600_000;
/** Before anything is measured: code that runs for the first time is slow. */
const MAILS_TO_WARM_UP = 24;
const CHECKS = 20;
const TICK_MS = 60_000;

/** How long each request takes. */
export interface Latencies {
  readonly graphMs: number;
  readonly storageMs: number;
  readonly deskMs: number;
}

export interface MailPathOptions {
  readonly desk: "uvdesk" | "webhook";
  readonly mails: number;
  readonly mailBytes: number;
  readonly latencies: Latencies;
}

/** What some runs took. */
export interface MailPathCost {
  readonly delivered: number;
  readonly runs: number;
  /** Waiting for answers, without the processor's share. */
  readonly waitedMs: number;
  /** Of the product alone. */
  readonly processorMs: number;
  readonly requests: Readonly<Record<keyof Latencies, number>>;
}

export interface MailPathReport {
  readonly backlog: MailPathCost;
  /** Of checks that found nothing. */
  readonly checks: MailPathCost;
}

/** One mailbox with a backlog: the real clients of the product, in a thread of their own, against stand-ins that are far away. */
export async function runMailPath({ desk, mails, mailBytes, latencies }: MailPathOptions): Promise<MailPathReport> {
  const elapsed = new Float64Array(new SharedArrayBuffer(8));
  const requests = { graphMs: 0, storageMs: 0, deskMs: 0 };
  const latency = createPacedLatency({
    elapsed,
    workedSince: (before) => worker.performance.eventLoopUtilization(before),
  });
  async function wait(service: keyof Latencies): Promise<void> {
    requests[service] += 1;
    await latency.wait(latencies[service]);
  }
  function putFarAway(standIn: StandIn, service: keyof Latencies, matches: (request: SeenRequest) => boolean) {
    standIn.plan(matches, { kind: "before", run: () => wait(service) }, Number.POSITIVE_INFINITY);
  }

  const certificate = await trustedCertificate();
  const beganAt = Date.now();
  const storage = await startSlowAzurite(() => wait("storageMs"));
  const describeAccessToken = () => ({
    ...{ oid: OWNER, tenantId: "tenant", scopes: ["Mail.Read"], roles: [] },
    expiresAt: new Date(beganAt + DAY_MS),
  });
  const graph = await startGraph({ port: 0, certificate, describeAccessToken });
  putFarAway(graph.server, "graphMs", () => true);
  const mailbox = graph.addMailbox({ address: ADDRESS, ownerOid: OWNER });
  const uvdesk = await startUvdesk({ port: 0, mailboxes: [ADDRESS] });
  uvdesk.insertsAfterMs = 0;
  putFarAway(uvdesk.standIn, "deskMs", () => true);
  const webhook = await startWebhookReceiver({ port: 0 });
  putFarAway(webhook.standIn, "deskMs", () => true);

  const url = desk === "uvdesk" ? uvdesk.origin : webhook.url;
  const workerData: MailThreadData = {
    ...{ connectionString: storage.connectionString, graphUrl: graph.origin, certificate: certificate.cert },
    ...{ accessToken: TOKEN, address: ADDRESS, desk: { kind: desk, url }, beganAt, elapsed },
  };
  const worker = new Worker(new URL("./mail-thread.ts", import.meta.url), { workerData });
  await once(worker, "message");

  /** At the next tick, where a token is read from its row again. */
  async function measure(): Promise<MailPathCost> {
    elapsed[0] = (elapsed[0] ?? 0) + TICK_MS;
    const requestsBefore = { ...requests };
    const waitedBefore = elapsed[0] ?? 0;
    const usedBefore = await worker.cpuUsage();
    worker.postMessage("go");
    const [{ delivered, runs }] = (await once(worker, "message")) as [MailThreadAnswer];
    const { user, system } = await worker.cpuUsage(usedBefore);
    return {
      ...{ delivered, runs },
      waitedMs: (elapsed[0] ?? 0) - waitedBefore,
      processorMs: (user + system) / 1_000,
      requests: {
        graphMs: requests.graphMs - requestsBefore.graphMs,
        storageMs: requests.storageMs - requestsBefore.storageMs,
        deskMs: requests.deskMs - requestsBefore.deskMs,
      },
    };
  }

  function receive(count: number): void {
    for (let number = 0; number < count; number += 1) mailbox.deliver(mailOf(mailBytes));
  }

  try {
    receive(MAILS_TO_WARM_UP);
    await measure();
    const checks: MailPathCost[] = [];
    for (let check = 0; check < CHECKS; check += 1) checks.push(await measure());
    receive(mails);
    return { backlog: await measure(), checks: sumOf(checks) };
  } finally {
    await worker.terminate();
    await Promise.all([storage.stop(), graph.stop(), uvdesk.stop(), webhook.stop()]);
  }
}

function sumOf(costs: readonly MailPathCost[]): MailPathCost {
  const sum = (of: (cost: MailPathCost) => number) => costs.reduce((total, cost) => total + of(cost), 0);
  return {
    delivered: sum(({ delivered }) => delivered),
    runs: sum(({ runs }) => runs),
    waitedMs: sum(({ waitedMs }) => waitedMs),
    processorMs: sum(({ processorMs }) => processorMs),
    requests: {
      graphMs: sum(({ requests }) => requests.graphMs),
      storageMs: sum(({ requests }) => requests.storageMs),
      deskMs: sum(({ requests }) => requests.deskMs),
    },
  };
}

let mailsMade = 0;

function mailOf(bytes: number): Buffer {
  mailsMade += 1;
  const head = `From: Customer <customer@example.org>\r\nTo: ${ADDRESS}\r\nSubject: Question ${mailsMade}\r\nMessage-ID: <${mailsMade}@example.org>\r\n\r\n`;
  const line = `${"x".repeat(76)}\r\n`;
  return Buffer.from((head + line.repeat(Math.ceil(bytes / line.length))).slice(0, bytes));
}
