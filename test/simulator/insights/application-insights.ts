import { gunzipSync } from "node:zlib";
import { json, type SeenRequest, type StandIn, startStandIn } from "../stand-in.ts";
import type { Certificate } from "../tls.ts";
import { type Envelope, readEnvelope, type SeenLog, type SeenMetric, type SeenSpan } from "./envelopes.ts";

/** Of each kind, so many of the newest are kept. */
const KEPT = 5_000;
const INSTRUMENTATION_KEY = "7d3f9a52-6c1e-4b08-9f47-2a5b8c0d1e63";

/** What the real one calls invalid is refused here too. https://learn.microsoft.com/azure/azure-monitor/app/ */
export interface ApplicationInsights {
  readonly server: StandIn;
  readonly connectionString: string;
  readonly spans: readonly SeenSpan[];
  readonly metrics: readonly SeenMetric[];
  readonly logs: readonly SeenLog[];
  /** Everything that came, as it came. */
  readonly received: readonly string[];
  /** Judges each item from now on: what it gives a refusal for is not taken, and the answer to the batch is 206. */
  refuseItems(judge: (item: Envelope) => ItemRefusal | undefined): void;
  clear(): void;
}

/** https://learn.microsoft.com/troubleshoot/azure/azure-monitor/app-insights/telemetry/investigate-missing-telemetry */
export interface ItemRefusal {
  readonly statusCode: number;
  readonly message: string;
}

interface ApplicationInsightsOptions {
  /** 0 takes a free one. */
  readonly port: number;
  /** The exporter speaks nothing but TLS, whatever the connection string says. */
  readonly certificate: Certificate;
}

/** Plays the ingestion endpoint of Application Insights: it takes envelopes, and shows them at once. */
export async function startApplicationInsights(options: ApplicationInsightsOptions): Promise<ApplicationInsights> {
  const spans: SeenSpan[] = [];
  const metrics: SeenMetric[] = [];
  const logs: SeenLog[] = [];
  const received: string[] = [];
  let judge: (item: Envelope) => ItemRefusal | undefined = () => undefined;

  function take(envelope: Envelope): void {
    const seen = readEnvelope(envelope);
    if (seen.span) keep(spans, seen.span);
    if (seen.log) keep(logs, seen.log);
    for (const metric of seen.metrics) keep(metrics, metric);
  }

  const server = await startStandIn({
    name: "Application Insights",
    ...options,
    handle(request) {
      if (request.method !== "POST" || request.path !== "/v2.1/track") return { status: 404 };
      const text = textOf(request);
      keep(received, text);
      const envelopes = JSON.parse(text) as readonly Envelope[];
      const isForeign = envelopes.some(({ iKey }) => iKey !== INSTRUMENTATION_KEY);
      if (isForeign)
        return json(400, { errors: [{ index: 0, statusCode: 400, message: "Invalid instrumentation key" }] });
      const verdicts = envelopes.map(judge);
      envelopes.filter((_, index) => verdicts[index] === undefined).forEach(take);
      const errors = verdicts.flatMap((refusal, index) => (refusal === undefined ? [] : [{ index, ...refusal }]));
      const itemsAccepted = envelopes.length - errors.length;
      return json(errors.length === 0 ? 200 : 206, { itemsReceived: envelopes.length, itemsAccepted, errors });
    },
  });

  return {
    server,
    connectionString: `InstrumentationKey=${INSTRUMENTATION_KEY};IngestionEndpoint=${server.origin}/`,
    spans,
    metrics,
    logs,
    received,
    refuseItems: (other) => {
      judge = other;
    },
    clear: () => {
      for (const list of [spans, metrics, logs, received]) list.length = 0;
    },
  };
}

function textOf({ headers, body }: SeenRequest): string {
  return (headers["content-encoding"] === "gzip" ? gunzipSync(body) : body).toString("utf8");
}

function keep<T>(list: T[], item: T): void {
  list.push(item);
  if (list.length > KEPT) list.shift();
}
