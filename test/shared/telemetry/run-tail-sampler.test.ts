import assert from "node:assert/strict";
import { after, beforeEach, describe, it } from "node:test";
import { context, SpanStatusCode, trace } from "@opentelemetry/api";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { createContextManager } from "../../../shared/telemetry/context-manager.ts";
import { createRunTailSampler } from "../../../shared/telemetry/run-tail-sampler.ts";
import { inSpan, RUN_SPAN } from "../../../shared/telemetry/spans.ts";

let random = 0.99;
const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({
  spanProcessors: [createRunTailSampler(new SimpleSpanProcessor(exporter), () => random)],
});
context.setGlobalContextManager(createContextManager());
trace.setGlobalTracerProvider(provider);
after(() => {
  trace.disable();
  context.disable();
});
beforeEach(() => {
  random = 0.99;
  exporter.reset();
});

const call = (service: string, fail?: string) =>
  inSpan(`GET ${service}`, { kind: "client", attributes: { "deskpost.service": service } }, async (span) => {
    if (fail !== undefined) span.fail(fail);
  });
const run = (work: () => Promise<void>) => inSpan(RUN_SPAN, {}, work);
const sent = () => exporter.getFinishedSpans().map(({ name }) => name);

describe("the spans of a run", () => {
  it("are left out where nothing happened: rows were read, and Graph had nothing new", async () => {
    await run(async () => {
      await call("azure", "HTTP_404");
      await call("graph");
    });
    assert.deepEqual(sent(), []);
  });

  it("are kept one time in twenty all the same", async () => {
    random = 0.049;
    await run(() => call("graph"));
    assert.deepEqual(sent(), ["GET graph", RUN_SPAN]);
  });

  for (const [what, work] of [
    ["a desk was offered a message", () => call("desk")],
    ["Graph refused something", () => call("graph", "HTTP_403")],
    ["Entra refused something", () => call("entra", "HTTP_400")],
  ] as const) {
    it(`are kept where ${what}, those before it too`, async () => {
      await run(async () => {
        await call("azure");
        await work();
      });
      assert.equal(sent().length, 3);
      assert.equal(sent()[0], "GET azure");
    });
  }

  it("are kept where the run failed", async () => {
    await inSpan(RUN_SPAN, {}, async (span) => {
      await call("azure");
      span.fail("STORAGE_UNAVAILABLE");
    });
    assert.deepEqual(sent(), ["GET azure", RUN_SPAN]);
  });

  it("are told apart where runs go side by side", async () => {
    await Promise.all([
      run(() => call("graph")),
      run(async () => {
        await call("azure");
        await call("desk");
      }),
    ]);
    assert.deepEqual(sent(), ["GET azure", "GET desk", RUN_SPAN]);
  });

  it("that end after it share its fate", async () => {
    let late: Promise<void> | undefined;
    await run(async () => {
      late = inSpan("late", {}, async () => {
        await new Promise((resolve) => setImmediate(resolve));
      });
      await call("graph");
    });
    await late;
    assert.deepEqual(sent(), []);
  });

  it("are none of those outside, which are all sent", async () => {
    await call("azure");
    assert.deepEqual(sent(), ["GET azure"]);
  });
});

describe("a span", () => {
  it("of work that threw has the code, never the text: it may hold an address", async () => {
    await assert.rejects(
      inSpan("outer", {}, async () => {
        throw Object.assign(new Error("help@contoso.example is not there"), { code: "ENOTFOUND" });
      }),
    );
    const [span] = exporter.getFinishedSpans();
    assert.deepEqual(span?.status, { code: SpanStatusCode.ERROR, message: "ENOTFOUND" });
    assert.deepEqual(span?.events, []);
  });
});
