import { once } from "node:events";
import { performance } from "node:perf_hooks";
import { Worker } from "node:worker_threads";
import { type SlowStorageOptions, startSlowStorage } from "./slow-storage.ts";

interface MeasuredTick {
  readonly messages: number;
  readonly requests: number;
  readonly tookMs: number;
  /** Of the product alone. */
  readonly processorMs: number;
}

/** A large tick, with the product in a thread of its own, so that its processor time can be told from the storage's. */
export async function measureLargeTick(options: SlowStorageOptions): Promise<MeasuredTick> {
  const storage = await startSlowStorage(options);
  const workerData = { connectionString: storage.connectionString };
  const worker = new Worker(new URL("./tick-thread.ts", import.meta.url), { workerData });
  await once(worker, "message");
  const before = await worker.cpuUsage();
  const startedAt = performance.now();
  worker.postMessage("go");
  await once(worker, "message");
  const tookMs = performance.now() - startedAt;
  const { user, system } = await worker.cpuUsage(before);
  await worker.terminate();
  await storage.stop();
  const { messages, requests } = storage;
  return { messages, requests, tookMs, processorMs: (user + system) / 1_000 };
}
