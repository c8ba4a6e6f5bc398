import { Worker } from "node:worker_threads";
import type { SimulationReport } from "./simulation.ts";

/** Which seeds a worker plays: every `step`th of them. */
export interface WorkerTask {
  readonly first: number;
  readonly end: number;
  readonly step: number;
}

export interface SimulateSeedsOptions {
  readonly seeds: number;
  readonly from: number;
  readonly workers: number;
  readonly stopAtFirst: boolean;
  readonly failed: (seed: number, faults: readonly string[]) => void;
}

export interface SeedsReport {
  readonly played: number;
  readonly failed: number;
  readonly mails: number;
  readonly crashes: number;
  readonly steps: number;
}

/** Plays many seeds in several threads: each needs a clock, a network and a chance of its own. */
export async function simulateSeeds(options: SimulateSeedsOptions): Promise<SeedsReport> {
  const { seeds, from, workers, stopAtFirst } = options;
  const report = { played: 0, failed: 0, mails: 0, crashes: 0, steps: 0 };
  const threads: Worker[] = [];

  function play(worker: number): Promise<void> {
    const task: WorkerTask = { first: from + worker, end: from + seeds, step: workers };
    const thread = new Worker(new URL("simulate-worker.ts", import.meta.url), { workerData: task });
    threads.push(thread);
    return new Promise((resolve, reject) => {
      thread.on("error", reject);
      thread.on("exit", () => resolve());
      thread.on("message", ({ seed, faults, mails, crashes, steps }: SimulationReport) => {
        if (stopAtFirst && report.failed > 0) return;
        report.played += 1;
        report.mails += mails;
        report.crashes += crashes;
        report.steps += steps;
        if (faults.length === 0) return;
        report.failed += 1;
        options.failed(seed, faults);
        if (stopAtFirst) for (const one of threads) void one.terminate();
      });
    });
  }

  await Promise.all(Array.from({ length: workers }, (_, worker) => play(worker)));
  return report;
}
