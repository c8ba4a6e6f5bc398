import { once } from "node:events";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import type { Azurite, AzuriteOptions } from "./azurite.ts";
import type { ClockLead } from "./clock.ts";
import type { StorageFault, StorageFaultTarget } from "./storage-faults.ts";

/** What the thread starts with. */
export interface AzuriteThreadData {
  readonly lead: ClockLead;
  readonly requests: Int32Array<SharedArrayBuffer>;
  readonly options: AzuriteOptions;
}

/** What it is told afterwards. */
type AzuriteCall =
  | { readonly name: "setOutage"; readonly fault: StorageFault | undefined }
  | { readonly name: "plan"; readonly fault: StorageFault; readonly target: StorageFaultTarget | undefined }
  | { readonly name: "clear" }
  | { readonly name: "stop" };

export interface AzuriteThreadMessage {
  readonly call: AzuriteCall;
  /** Hears when it is done. */
  readonly done: MessagePort;
}

/**
 * Azurite in a thread of its own, under the same clock: storage is a third of all the work of a long run, and a second
 * processor can do it. Starting the thread takes longer than what a short run gains.
 */
export async function startThreadedAzurite(options: AzuriteOptions, lead: ClockLead): Promise<Azurite> {
  const requests = new Int32Array(new SharedArrayBuffer(4));
  const workerData: AzuriteThreadData = { lead, requests, options };
  const worker = new Worker(new URL("./azurite-thread.ts", import.meta.url), { workerData });
  // Rejects with the error of a thread that cannot start, as with a port in use.
  const [addresses] = (await once(worker, "message")) as [Pick<Azurite, "connectionString" | "tableUrl" | "queueUrl">];

  async function tell(call: AzuriteCall): Promise<void> {
    const { port1: answer, port2: done } = new MessageChannel();
    worker.postMessage({ call, done } satisfies AzuriteThreadMessage, [done]);
    await once(answer, "message");
    answer.close();
  }

  return {
    ...addresses,
    get requestCount() {
      return Atomics.load(requests, 0);
    },
    faults: {
      setOutage: (fault) => tell({ name: "setOutage", fault }),
      plan: (fault, target) => tell({ name: "plan", fault, target }),
      clear: () => tell({ name: "clear" }),
    },
    stop: async () => {
      await tell({ name: "stop" });
      await worker.terminate();
    },
  };
}
