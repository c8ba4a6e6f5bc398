import { parentPort, workerData } from "node:worker_threads";
import { startAzurite } from "./azurite.ts";
import { installClock } from "./clock.ts";
import type { AzuriteThreadData, AzuriteThreadMessage } from "./threaded-azurite.ts";

// The other end of threaded-azurite.ts.
const { lead, requests, options } = workerData as AzuriteThreadData;
installClock(lead);
const { connectionString, tableUrl, queueUrl, faults, stop } = await startAzurite(options, requests);

function obey({ call }: AzuriteThreadMessage): Promise<void> {
  switch (call.name) {
    case "setOutage":
      return faults.setOutage(call.fault);
    case "plan":
      return faults.plan(call.fault, call.target);
    case "clear":
      return faults.clear();
    case "stop":
      return stop();
  }
}

parentPort?.on("message", (message: AzuriteThreadMessage) => {
  void obey(message).then(() => message.done.postMessage("done"));
});
parentPort?.postMessage({ connectionString, tableUrl, queueUrl });
