import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, describe, it } from "node:test";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { createMetricRecorder } from "../../../shared/telemetry/metric-recorder.ts";
import { METRICS, type Metric } from "../../../shared/telemetry/metrics.ts";

const exporter = new InMemoryMetricExporter(AggregationTemporality.DELTA);
const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
const provider = new MeterProvider({ readers: [reader] });
const record = createMetricRecorder(provider.getMeter("test"));
after(() => provider.shutdown());

async function sent() {
  exporter.reset();
  await provider.forceFlush();
  return exporter
    .getMetrics()
    .flatMap(({ scopeMetrics }) =>
      scopeMetrics.flatMap(({ metrics }) =>
        metrics.flatMap(({ descriptor: { name, unit }, dataPoints }) =>
          dataPoints.map(({ value, attributes }) => ({ name, unit, value, attributes })),
        ),
      ),
    );
}

describe("the metrics of events", () => {
  it("count an event, with the attributes that it has", async () => {
    const failed = { mailboxId: "a46f", code: "GRAPH_THROTTLED", message: "not an attribute" };
    record("mailbox fetch failed", failed);
    record("mailbox fetch failed", failed);
    const [run, ...others] = await sent();
    assert.deepEqual(others, []);
    assert.equal(run?.name, "deskpost.runs");
    assert.equal(run?.value, 2);
    assert.deepEqual(run?.attributes, { outcome: "failed", mailboxId: "a46f", code: "GRAPH_THROTTLED" });
  });

  it("take a field in the metric's own unit", async () => {
    record("tick finished", { durationMs: 1_500 });
    const duration = (await sent()).find(({ name }) => name === "deskpost.tick.duration");
    assert.equal(duration?.unit, "s");
    assert.equal(JSON.parse(JSON.stringify(duration?.value)).sum, 1.5);
  });

  it("say nothing of a field that the event lacks, and nothing of a count of none", async () => {
    record("mailbox fetched", { discovered: 0 });
    assert.deepEqual(
      (await sent()).map(({ name }) => name),
      ["deskpost.runs"],
    );
  });

  it("say 0 where a desk takes mail again, because the last value counts", async () => {
    record("desk down", { desk: "support", code: "NO_ANSWER" });
    record("desk takes mail again", { desk: "support" });
    const [down] = await sent();
    assert.deepEqual([down?.name, down?.value, down?.attributes], ["deskpost.desk.down", 0, { desk: "support" }]);
  });

  it("have names that queries can hold, and no text among their attributes", () => {
    for (const [name, { from, description }] of Object.entries<Metric>(METRICS)) {
      assert.match(name, /^deskpost(?:\.[a-z]+)+$/);
      assert.ok(description.length > 0);
      for (const { attributes = [] } of from) assert.ok(!(attributes as string[]).includes("message"));
    }
  });

  it("are all in the README", () => {
    const readme = readFileSync(new URL("../../../shared/telemetry/README.md", import.meta.url), "utf8");
    for (const name of Object.keys(METRICS)) assert.ok(readme.includes(`| \`${name}\` `), name);
  });
});
