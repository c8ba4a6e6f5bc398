import { parentPort, workerData } from "node:worker_threads";
import { runLargeTick } from "./large-tick.ts";

// The other end of measured-tick.ts: the product alone, so that its processor time can be told from that of the storage.
const { connectionString } = workerData as { readonly connectionString: string };
parentPort?.on("message", () => {
  void runLargeTick({ connectionString }).then((tick) => parentPort?.postMessage(tick));
});
parentPort?.postMessage("ready");
