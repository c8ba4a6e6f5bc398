import type { Attributes, Meter } from "@opentelemetry/api";
import type { LogEvent, LogFields } from "./log.ts";
import { METRICS, type Metric } from "./metrics.ts";

/** Makes the metrics of the table out of events. */
export function createMetricRecorder(meter: Meter): (event: LogEvent, fields: LogFields) => void {
  type Effect = (fields: LogFields) => void;
  const effects = new Map<LogEvent, Effect[]>();
  for (const [name, metric] of Object.entries<Metric>(METRICS)) {
    const add = instrument(meter, name, metric);
    for (const { event, field, value: counted = 1, scale = 1, attributes = [], set } of metric.from) {
      const effect: Effect = (fields) => {
        const value = field === undefined ? counted : fields[field];
        // Nothing to count is nothing to send.
        if (typeof value !== "number" || (metric.kind === "counter" && value === 0)) return;
        const named = attributes.filter((attribute) => fields[attribute] !== undefined);
        add(value * scale, {
          ...set,
          ...Object.fromEntries(named.map((attribute) => [attribute, String(fields[attribute])])),
        });
      };
      effects.set(event, [...(effects.get(event) ?? []), effect]);
    }
  }
  return (event, fields) => {
    for (const effect of effects.get(event) ?? []) effect(fields);
  };
}

function instrument(meter: Meter, name: string, { kind, unit, description }: Metric) {
  switch (kind) {
    case "counter": {
      const counter = meter.createCounter(name, { unit, description });
      return (value: number, attributes: Attributes) => counter.add(value, attributes);
    }
    case "histogram": {
      const histogram = meter.createHistogram(name, { unit, description });
      return (value: number, attributes: Attributes) => histogram.record(value, attributes);
    }
    case "gauge": {
      const gauge = meter.createGauge(name, { unit, description });
      return (value: number, attributes: Attributes) => gauge.record(value, attributes);
    }
  }
}
