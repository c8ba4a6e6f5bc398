/** The parts of an envelope that are read here. https://github.com/microsoft/ApplicationInsights-Home/tree/master/EndpointSpecs/Schemas/Bond */
export interface Envelope {
  readonly iKey: string;
  readonly time: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly data: { readonly baseType: string; readonly baseData: BaseData };
}

interface BaseData {
  readonly name?: string;
  readonly id?: string;
  readonly duration?: string;
  readonly success?: boolean;
  readonly resultCode?: string;
  readonly message?: string;
  readonly severityLevel?: string;
  readonly properties?: Readonly<Record<string, string>>;
  readonly metrics?: readonly {
    readonly name: string;
    readonly value: number;
    readonly count?: number;
    readonly min?: number;
    readonly max?: number;
  }[];
}

type Properties = Readonly<Record<string, string>>;

/** A row of `AppDependencies`. */
export interface SeenSpan {
  readonly name: string;
  readonly traceId: string;
  readonly id: string;
  readonly parentId: string | undefined;
  /** Ms since 1970. */
  readonly at: number;
  readonly durationMs: number;
  readonly failed: boolean;
  readonly resultCode: string;
  readonly properties: Properties;
}

/** A row of `AppMetrics`. */
export interface SeenMetric {
  readonly name: string;
  readonly at: number;
  /** The sum, where there is more than one value. */
  readonly value: number;
  readonly count: number;
  readonly max: number | undefined;
  readonly properties: Properties;
}

/** A row of `AppTraces`. */
export interface SeenLog {
  /** Of Deskpost's own lines: the event, and the rest of the line. */
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly at: number;
  readonly severity: string;
  readonly traceId: string | undefined;
}

/** What an envelope holds. */
export function readEnvelope({ time, tags = {}, data: { baseType, baseData } }: Envelope): {
  readonly span?: SeenSpan;
  readonly log?: SeenLog;
  readonly metrics: readonly SeenMetric[];
} {
  const at = Date.parse(time);
  const { properties = {} } = baseData;
  switch (baseType) {
    case "RemoteDependencyData": {
      const span = {
        name: baseData.name ?? "",
        traceId: tags["ai.operation.id"] ?? "",
        id: baseData.id ?? "",
        parentId: tags["ai.operation.parentId"],
        at,
        durationMs: msOf(baseData.duration ?? ""),
        failed: baseData.success === false,
        resultCode: baseData.resultCode ?? "",
        properties,
      };
      return { span, metrics: [] };
    }
    case "MessageData": {
      const { event, ...fields } = JSON.parse(baseData.message ?? "{}") as { event: string };
      const log = { event, fields, at, severity: baseData.severityLevel ?? "", traceId: tags["ai.operation.id"] };
      return { log, metrics: [] };
    }
    case "MetricData": {
      const metrics = (baseData.metrics ?? []).map(({ name, value, count = 1, max }) => {
        return { name, at, value, count, max, properties };
      });
      return { metrics };
    }
    default:
      return { metrics: [] };
  }
}

/** A duration such as `0.00:00:00.123` or `00:00:00.1230000`. */
function msOf(duration: string): number {
  const [, days = "0", hours = "0", minutes = "0", seconds = "0"] =
    /^(?:(\d+)\.)?(\d+):(\d+):(\d+(?:\.\d+)?)$/.exec(duration) ?? [];
  return (((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1_000;
}
