import { ManagedIdentityCredential } from "@azure/identity";
import {
  AzureMonitorLogExporter,
  AzureMonitorMetricExporter,
  AzureMonitorTraceExporter,
} from "@azure/monitor-opentelemetry-exporter";
import type { LogRecordExporter } from "@opentelemetry/sdk-logs";
import type { PushMetricExporter } from "@opentelemetry/sdk-metrics";
import type { SpanExporter } from "@opentelemetry/sdk-trace-base";
import { watchRefusals } from "./watch-refusals.ts";

export interface Exporters {
  readonly spans: SpanExporter;
  readonly metrics: PushMetricExporter;
  readonly logs: LogRecordExporter;
}

export interface ExportersOptions {
  readonly connectionString: string;
  /** `undefined` where the instrumentation key alone is enough, as for a local stand-in. */
  readonly identity: { readonly clientId: string | undefined } | undefined;
  /** Told what Application Insights does not take, and how many times, be they requests or items. */
  readonly onRefusal: (message: string, times: number) => void;
  /** Waits before items are sent again. */
  readonly sleep?: (ms: number) => Promise<void>;
}

/**
 * Exporters to Application Insights.
 * @throws where the connection string is malformed
 */
export function createExporters({ connectionString, identity, onRefusal, sleep }: ExportersOptions): Exporters {
  const options = {
    connectionString,
    ...(identity === undefined ? {} : { credential: credentialOf(identity) }),
    // An instance of Functions has no disk that outlives it, and a failure put on a disk is reported as a success.
    disableOfflineStorage: true,
    // And reported as a success without a disk, too.
    additionalPolicies: watchRefusals({ onRefusal, sleep }),
  };
  return {
    spans: new AzureMonitorTraceExporter(options),
    metrics: new AzureMonitorMetricExporter(options),
    logs: new AzureMonitorLogExporter(options),
  };
}

function credentialOf({ clientId }: { readonly clientId: string | undefined }): ManagedIdentityCredential {
  return new ManagedIdentityCredential(clientId === undefined ? {} : { clientId });
}
