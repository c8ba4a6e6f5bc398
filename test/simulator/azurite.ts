import type http from "node:http";
import { createRequire } from "node:module";
import { PortInUseError } from "./stand-in.ts";
import { createStorageGate, type StorageFaults } from "./storage-faults.ts";

/** Azure Storage's tables and queues, served by Azurite inside this process, in memory. */
export interface Azurite {
  readonly connectionString: string;
  readonly tableUrl: string;
  readonly queueUrl: string;
  /** Requests to both services since the start. */
  readonly requestCount: number;
  readonly faults: StorageFaults;
  stop(): Promise<void>;
}

export interface AzuriteOptions {
  /** 0 takes a free one. */
  readonly tablePort: number;
  /** 0 takes a free one. */
  readonly queuePort: number;
}

// The account that every Azurite has, and that is therefore no secret:
// https://learn.microsoft.com/azure/storage/common/storage-connect-azurite
const ACCOUNT = "devstoreaccount1";
const ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

const HOST = "127.0.0.1";
const KEEP_ALIVE_SECONDS = 5;

/**
 * Starts both services. They read the global `Date`, so a simulated clock governs them too: after a jump an invisible
 * message is visible again, and one older than its time to live (7 days unless the sender says otherwise) is gone, as
 * in Azure.
 * @param requests where requests are counted; another thread may look at it
 */
export async function startAzurite(
  { tablePort, queuePort }: AzuriteOptions,
  requests: Int32Array = new Int32Array(1),
): Promise<Azurite> {
  const table = new TableServer(tableConfiguration(tablePort));
  const queue = new QueueServer(queueConfiguration(queuePort));
  await startServer(table, "Azurite's tables", tablePort);
  try {
    await startServer(queue, "Azurite's queues", queuePort);
  } catch (error) {
    await table.close();
    throw error;
  }

  const gate = createStorageGate();
  gate.guard("table", table.httpServer);
  gate.guard("queue", queue.httpServer);
  for (const server of [table, queue]) {
    server.httpServer.on("request", () => {
      Atomics.add(requests, 0, 1);
    });
  }

  const tableUrl = `${table.getHttpServerAddress()}/${ACCOUNT}`;
  const queueUrl = `${queue.getHttpServerAddress()}/${ACCOUNT}`;
  return {
    tableUrl,
    queueUrl,
    connectionString: [
      "DefaultEndpointsProtocol=http",
      `AccountName=${ACCOUNT}`,
      `AccountKey=${ACCOUNT_KEY}`,
      `TableEndpoint=${tableUrl}`,
      `QueueEndpoint=${queueUrl}`,
      "",
    ].join(";"),
    get requestCount() {
      return Atomics.load(requests, 0);
    },
    faults: gate,
    stop: async () => {
      for (const server of [table, queue]) {
        await server.close();
        server.httpServer.closeAllConnections();
      }
    },
  };
}

async function startServer(server: AzuriteServer, name: string, port: number): Promise<void> {
  try {
    await server.start();
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === "EADDRINUSE" ? new PortInUseError(name, port) : error;
  }
}

// Azurite is a program, not a library: it has no types and no entry point for this, so its files are loaded by path.
// The arguments of its configurations go by position; package.json pins the version because of that.

interface AzuriteServer {
  readonly httpServer: http.Server;
  start(): Promise<void>;
  close(): Promise<void>;
  getHttpServerAddress(): string;
}

const require = createRequire(import.meta.url);

interface Module<Exported> {
  readonly default: Exported;
}

type Server = Module<new (configuration: object) => AzuriteServer>;
type Configuration = Module<new (...args: unknown[]) => object>;

const { default: TableServer } = require("azurite/dist/src/table/TableServer.js") as Server;
const { default: TableConfiguration } = require("azurite/dist/src/table/TableConfiguration.js") as Configuration;
const { default: QueueServer } = require("azurite/dist/src/queue/QueueServer.js") as Server;
const { default: QueueConfiguration } = require("azurite/dist/src/queue/QueueConfiguration.js") as Configuration;

const IN_MEMORY = true;
const SKIP_API_VERSION_CHECK = true;

function tableConfiguration(port: number): object {
  const metadataPath = "__unused_tables.json";
  const logging = [false, false, undefined, undefined];
  const loose = false;
  const certificateAndOauth = ["", "", "", undefined];
  const disableProductStyleUrl = false;
  return new TableConfiguration(
    ...[HOST, port, KEEP_ALIVE_SECONDS, metadataPath, ...logging, loose, SKIP_API_VERSION_CHECK],
    ...[...certificateAndOauth, disableProductStyleUrl, IN_MEMORY],
  );
}

function queueConfiguration(port: number): object {
  const paths = ["__unused_queues.json", "__unused_queue_extents.json", []];
  const logging = [false, undefined, false, undefined];
  const loose = false;
  const certificateAndOauth = ["", "", "", undefined];
  const disableProductStyleUrl = false;
  return new QueueConfiguration(
    ...[HOST, port, KEEP_ALIVE_SECONDS, ...paths, ...logging, loose, SKIP_API_VERSION_CHECK],
    ...[...certificateAndOauth, disableProductStyleUrl, IN_MEMORY],
  );
}
