import path from "node:path";
import { type FunctionsHost, startFunctionsHost } from "../host/functions-host.ts";
import type { LogLine } from "../host/host-invocations.ts";
import type { Simulator } from "../simulator.ts";
import { createDeskpostApi, type DeskpostApi } from "./deskpost-api.ts";

interface DeskpostOptions {
  /** Run timers when the clock says so; otherwise only by `host.runTimer`. */
  readonly runTimers: boolean;
  /** Poll the queues; otherwise messages wait for `host.drainQueues`. */
  readonly runQueues: boolean;
  /** What registers the functions; default the bundle that is deployed. */
  readonly entryPoint?: string;
  log(line: LogLine): void;
}

/** Deskpost itself: the bundle that is deployed, on the local Functions host. */
export interface Deskpost {
  readonly host: FunctionsHost;
  readonly api: DeskpostApi;
  /** The timer function first, then what it put into the queue. */
  fetchMail(): Promise<void>;
  stop(): Promise<void>;
}

const REPOSITORY = path.join(import.meta.dirname, "..", "..", "..");

/** Starts Deskpost on a simulator; once in a process. */
export async function startDeskpost(simulator: Simulator, options: DeskpostOptions): Promise<Deskpost> {
  const { deskpostPort, settings } = simulator;
  await deskpostPort.release();
  const host = await startFunctionsHost({ appFolder: REPOSITORY, port: deskpostPort.port, settings, ...options });
  return {
    host,
    api: createDeskpostApi(`http://localhost:${deskpostPort.port}`),
    fetchMail: async () => {
      await host.runTimer("fetch-mail");
      await host.drainQueues();
    },
    stop: host.stop,
  };
}
