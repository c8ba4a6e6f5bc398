import { parentPort, workerData } from "node:worker_threads";
import type { WorkerTask } from "./simulate-seeds.ts";
import { simulate } from "./simulation.ts";

// What fails on purpose needs no stack; making one takes longer than all else.
Error.stackTraceLimit = 0;

const { first, end, step } = workerData as WorkerTask;
for (let seed = first; seed < end; seed += step) parentPort?.postMessage(await simulate(seed));
