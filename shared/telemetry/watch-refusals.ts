import { setTimeout } from "node:timers/promises";
import type { AzureMonitorExporterOptions } from "@azure/monitor-opentelemetry-exporter";
import { redact } from "./redact.ts";

type Policies = NonNullable<AzureMonitorExporterOptions["additionalPolicies"]>;

export interface WatchRefusalsOptions {
  readonly onRefusal: (message: string, times: number) => void;
  readonly sleep?: ((ms: number) => Promise<void>) | undefined;
}

/** What is said of a single item that may pass by itself. */
const PASSING: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);
/** Items that were refused are sent again so many times, after these waits; an export is given up after 15 s. */
const WAITS_MS = [1_000, 4_000];
/** It is not a fault: whoever set up sampling at the receiver wants it so. */
const SAMPLED_OUT = /^telemetry sampled out\.?$/i;

const ROLE =
  'give the app\'s managed identity the role "Monitoring Metrics Publisher" on Application Insights, and see APPLICATIONINSIGHTS_AUTHENTICATION_STRING';
const REMEDIES = new Map([
  [401, ROLE],
  [403, ROLE],
  [429, "it is asked for too much at once, or its daily cap is used up"],
  [439, "its daily cap is used up: raise it, or wait until it begins anew"],
]);

interface ItemRefusal {
  readonly index: number;
  readonly statusCode: number;
  readonly message: string;
}

/**
 * Watches the answers of Application Insights. The exporter calls it a success when a request is refused for good, and
 * when a part of its items is: without a disk it has nowhere to put them, and drops them without a word. Here all of it is
 * told, and items that may be taken the next time are sent again.
 * https://learn.microsoft.com/azure/azure-monitor/app/sdk-support-guidance
 */
export function watchRefusals({
  onRefusal,
  sleep = async (ms) => void (await setTimeout(ms)),
}: WatchRefusalsOptions): Policies {
  function tell(code: number, words: string, times: number): void {
    const remedy = REMEDIES.get(code) ?? redact(words);
    onRefusal(`Application Insights took nothing of it, and it is lost: HTTP ${code}; ${remedy}`.trimEnd(), times);
  }

  return [
    {
      // Around the retries of the SDK: what comes back here is the last word.
      position: "perCall",
      policy: {
        name: "deskpostRefusals",
        async sendRequest(request, next) {
          let response = await next(request);
          for (const waitMs of [...WAITS_MS, undefined]) {
            if (response.status !== 206) break;
            const refusals = refusalsOf(response.bodyAsText);
            const again = waitMs === undefined ? [] : refusals.filter(({ statusCode }) => PASSING.has(statusCode));
            for (const refusal of refusals.filter((each) => !again.includes(each))) {
              tell(refusal.statusCode, refusal.message, 1);
            }
            if (waitMs === undefined || again.length === 0) return { ...response, status: 200 };
            await sleep(waitMs);
            const items = JSON.parse(String(request.body)) as readonly unknown[];
            request.body = JSON.stringify(again.map(({ index }) => items[index]));
            // The client has set it for the body before.
            request.headers.delete("content-length");
            response = await next(request);
          }
          const { status, bodyAsText } = response;
          if (status === 400) tell(status, `look at APPLICATIONINSIGHTS_CONNECTION_STRING (${bodyAsText})`, 1);
          else if (status > 400) tell(status, bodyAsText ?? "", 1);
          return response;
        },
      },
    },
  ];
}

function refusalsOf(body: string | null | undefined): readonly ItemRefusal[] {
  const { errors = [] } = JSON.parse(body || "{}") as { errors?: readonly ItemRefusal[] };
  return errors.filter(({ message }) => !SAMPLED_OUT.test(message));
}
