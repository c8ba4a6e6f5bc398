import { performance } from "node:perf_hooks";
import { stdout } from "node:process";
import { runLargeTick } from "./large-tick.ts";
import { startSlowStorage } from "./slow-storage.ts";

const MAILBOXES = 10_000;
const LATENCY_MS = 10;

/** Prints what a large tick takes: with a processor's share on this machine, and in requests one after the other alone. */
for (const pace of ["real", "rounds"] as const) {
  const storage = await startSlowStorage({ mailboxes: MAILBOXES, latencyMs: LATENCY_MS, pace });
  const startedAt = performance.now();
  await runLargeTick(storage);
  const tookMs = pace === "real" ? performance.now() - startedAt : storage.simulatedMs;
  const words = pace === "real" ? "on this machine" : "of storage alone";
  stdout.write(
    `${MAILBOXES} mailboxes due, ${LATENCY_MS} ms a request: ${storage.messages} queued with ${storage.requests} requests in ${(tookMs / 1_000).toFixed(1)} s ${words}\n`,
  );
  await storage.stop();
}
