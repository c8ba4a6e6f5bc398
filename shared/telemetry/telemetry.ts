import { context, DiagLogLevel, diag, metrics as metricsApi, trace } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { AlwaysOnSampler, BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { traceAzureSdks } from "./azure-sdk-spans.ts";
import { createContextManager } from "./context-manager.ts";
import type { Exporters } from "./exporters.ts";
import type { LogLevel, RecordEvent } from "./log.ts";
import { createMetricRecorder } from "./metric-recorder.ts";
import { isRoutine } from "./routine.ts";
import { createRunTailSampler } from "./run-tail-sampler.ts";

/** Metrics go out at the end of invocations; this is for an instance on which one takes long. */
const METRICS_EVERY_MS = 60_000;
/** One attempt to send may take this long. */
const EXPORT_TIMEOUT_MS = 15_000;
/** Different sets of attributes per metric between two exports; the SDK's own 2,000 are fewer than mailboxes may be. */
const SERIES_LIMIT = 20_000;
/** Spans and log records that wait for their export; more are dropped, and that is reported. */
const QUEUE_LIMIT = 16_384;

/** https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber */
const SEVERITY: Readonly<Record<LogLevel, number>> = { info: 9, warn: 13, error: 17 };

export interface Telemetry {
  /** Sends an event of the log, and what the table of metrics makes of it. */
  readonly record: RecordEvent;
  /** Sends what has gathered. Never throws. */
  flush(): Promise<void>;
  /** Flushes and ends. Never throws. */
  stop(): Promise<void>;
}

export interface TelemetryOptions {
  readonly exporters: Exporters;
  /** The role's name in Application Insights. */
  readonly serviceName: string;
  /** Told what keeps telemetry from being sent. */
  readonly onTrouble: (message: string) => void;
  readonly random?: () => number;
}

/** Starts OpenTelemetry for the process: spans, metrics and logs, all of them sent, but for quiet runs (run-tail-sampler.ts). */
export function startTelemetry({ exporters, serviceName, onTrouble, random }: TelemetryOptions): Telemetry {
  const resource = resourceFromAttributes({ "service.name": serviceName });
  const trouble = (message: string, ...details: unknown[]) => onTrouble([message, ...details.map(String)].join(" "));
  const ignore = () => undefined;
  diag.setLogger({ error: trouble, warn: trouble, info: ignore, debug: ignore, verbose: ignore }, DiagLogLevel.WARN);

  const batch = { maxQueueSize: QUEUE_LIMIT, exportTimeoutMillis: EXPORT_TIMEOUT_MS };
  const spans = new BasicTracerProvider({
    resource,
    // The host's own sampling decision does not count here.
    sampler: new AlwaysOnSampler(),
    spanProcessors: [createRunTailSampler(new BatchSpanProcessor(exporters.spans, batch), random)],
  });
  const metrics = new MeterProvider({
    resource,
    readers: [
      new PeriodicExportingMetricReader({
        exporter: exporters.metrics,
        exportIntervalMillis: METRICS_EVERY_MS,
        exportTimeoutMillis: EXPORT_TIMEOUT_MS,
      }),
    ],
    views: [{ instrumentName: "*", aggregationCardinalityLimit: SERIES_LIMIT }],
  });
  const logs = new LoggerProvider({
    resource,
    processors: [new BatchLogRecordProcessor({ exporter: exporters.logs, ...batch })],
  });
  context.setGlobalContextManager(createContextManager());
  trace.setGlobalTracerProvider(spans);
  metricsApi.setGlobalMeterProvider(metrics);
  traceAzureSdks();

  const measure = createMetricRecorder(metrics.getMeter("deskpost"));
  const logger = logs.getLogger("deskpost");
  const providers = [spans, metrics, logs];

  /** What cannot be sent is told, and harms nobody. */
  async function orTrouble(work: (provider: (typeof providers)[number]) => Promise<void>): Promise<void> {
    const ended = await Promise.allSettled(providers.map(work));
    for (const end of ended) if (end.status === "rejected") trouble("not sent:", end.reason);
  }

  return {
    record(level, event, fields) {
      measure(event, fields);
      if (isRoutine(event, fields)) return;
      // The same line as on the console, so that one query reads both; times as text.
      const body = JSON.stringify({ event, ...fields });
      logger.emit({ severityNumber: SEVERITY[level], severityText: level, body });
    },
    flush: () => orTrouble((provider) => provider.forceFlush()),
    async stop() {
      await orTrouble((provider) => provider.shutdown());
      for (const api of [trace, metricsApi, context, diag]) api.disable();
    },
  };
}
