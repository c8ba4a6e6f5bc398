import { html, raw } from "hono/html";
import { METRICS, type Metric, type MetricName } from "../../../shared/telemetry/metrics.ts";
import { RUN_SPAN } from "../../../shared/telemetry/spans.ts";
import type { ApplicationInsights } from "../insights/application-insights.ts";
import type { SeenLog, SeenMetric, SeenSpan } from "../insights/envelopes.ts";
import { controlPageStyle } from "./control-page-style.ts";
import { telemetryPageStyle } from "./telemetry-page-style.ts";
import { inWords } from "./times.ts";

/** The newest so many of each are shown. */
const TRACES = 12;
const LOGS = 40;

type Html = ReturnType<typeof html>;

/** What Application Insights would hold: the newest operations as waterfalls, the metrics as they stand, the log. */
export function telemetryPage({ spans, metrics, logs }: ApplicationInsights): Html {
  const traces = [...Map.groupBy(spans, ({ traceId }) => traceId).values()].slice(-TRACES).reverse();
  const newestRun = traces.find((trace) => trace.some(({ name }) => name === RUN_SPAN));
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>Telemetry of Deskpost</title>
    <style>${raw(controlPageStyle)}${raw(telemetryPageStyle)}</style>
  </head>
  <body>
    <header>
      <div>
        <h1>Telemetry</h1>
        <p>What Deskpost’s own exporters have sent to the stand-in for Application Insights. The portal shows the same
          in AppDependencies, AppMetrics and AppTraces.</p>
      </div>
      <p><a href="/">Simulator</a> · <a href="/telemetry">look again</a></p>
    </header>
    <main>
      <section class="card">
        <h2>Operations <span class="count">${traces.length}</span></h2>
        <p class="quiet">One run in twenty is kept of those in which nothing happened; metrics count them all.</p>
        ${traces.length === 0 ? nothingYet() : traces.map((trace) => waterfall(trace, trace === newestRun))}
      </section>
      <section class="card">
        <h2>Metrics</h2>
        ${metrics.length === 0 ? nothingYet() : metricTable(metrics)}
      </section>
      <section class="card">
        <h2>Log <span class="count">${logs.length}</span></h2>
        ${logs.length === 0 ? nothingYet() : html`<ol class="mails log">${logs.slice(-LOGS).reverse().map(logLine)}</ol>`}
      </section>
    </main>
  </body>
</html>`;
}

const nothingYet = () => html`<p class="quiet">Nothing yet: it is sent at the end of each function.</p>`;

/** The spans of one operation, each where it lies in time and as deep as it is nested. */
function waterfall(trace: readonly SeenSpan[], isOpen: boolean): Html {
  const byId = new Map(trace.map((span) => [span.id, span]));
  const begin = Math.min(...trace.map(({ at }) => at));
  const end = Math.max(...trace.map(({ at, durationMs }) => at + durationMs));
  const lengthMs = Math.max(end - begin, 1);
  const depthOf = ({ parentId }: SeenSpan): number => {
    const parent = byId.get(parentId ?? "");
    return parent === undefined ? 0 : depthOf(parent) + 1;
  };
  const percent = (ms: number) => ((100 * ms) / lengthMs).toFixed(2);
  const rows = [...trace]
    .sort((a, b) => a.at - b.at || b.durationMs - a.durationMs)
    .map((span) => {
      const service = span.properties["deskpost.service"] ?? "run";
      const bar = `left: ${percent(span.at - begin)}%; width: max(2px, ${percent(span.durationMs)}%)`;
      const status = span.resultCode === "0" ? "" : span.resultCode;
      return html`
          <tr class="${span.failed ? "failed" : ""}">
            <th scope="row" style="padding-left: ${depthOf(span) * 14}px">${span.name}</th>
            <td class="number">${status}</td>
            <td class="number">${span.durationMs.toFixed(1)} ms</td>
            <td class="track"><span class="bar ${service}" style="${bar}"></span></td>
          </tr>`;
    });
  const runs = trace.filter(({ name }) => name === RUN_SPAN).length;
  return html`
        <details ${isOpen ? "open" : ""}>
          <summary>${inWords(begin)} · ${runs === 0 ? `${trace.length} calls` : `${runs} fetched, ${trace.length} spans`} · ${Math.round(lengthMs)} ms
            ${trace.some(({ failed }) => failed) ? html`<strong class="bad">failed</strong>` : ""}</summary>
          <table class="waterfall">${rows}</table>
        </details>`;
}

/** A row per metric and set of attributes: counters since the start, gauges as they were last, histograms on average. */
function metricTable(seen: readonly SeenMetric[]): Html {
  const series = [...Map.groupBy(seen, ({ name, properties }) => `${name} ${JSON.stringify(properties)}`).entries()];
  const rows = series
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([, points]) => {
      const last = points.at(-1);
      if (last === undefined) return "";
      const metric: Metric | undefined = METRICS[last.name as MetricName];
      const attributes = Object.entries(last.properties).map(([name, value]) => `${name} ${value}`);
      return html`
          <tr>
            <th scope="row" title="${metric?.description ?? ""}">${last.name}</th>
            <td class="quiet">${attributes.join(", ")}</td>
            <td class="number">${inNumbers(points, metric?.kind)} ${metric?.unit.replace(/[{}]/g, "").replace(/^1$/, "") ?? ""}</td>
          </tr>`;
    });
  return html`<table class="metrics">${rows}</table>`;
}

function inNumbers(points: readonly SeenMetric[], kind: Metric["kind"] | undefined): string {
  const sum = points.reduce((total, { value }) => total + value, 0);
  const count = points.reduce((total, point) => total + point.count, 0);
  const max = Math.max(...points.map(({ max: most }) => most ?? 0));
  switch (kind) {
    case "counter":
      return String(sum);
    case "histogram":
      return `${short(sum / count)} on average, ${short(max)} at most, of ${count},`;
    case "gauge":
    case undefined:
      return short(points.at(-1)?.value ?? 0);
  }
}

function short(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(2);
}

function logLine({ event, at, severity, fields }: SeenLog): Html {
  const details = Object.entries(fields).map(([name, value]) => `${name} ${value}`);
  return html`
            <li><strong class="${severity === "Information" ? "" : "bad"}">${event}</strong>
              <span>${inWords(at)} · ${details.join(", ")}</span></li>`;
}
