import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { keepExporterQuiet } from "../../../shared/platform/config.ts";
import { createExporters } from "../../../shared/telemetry/exporters.ts";
import { startTelemetry, type Telemetry } from "../../../shared/telemetry/telemetry.ts";
import { type ApplicationInsights, startApplicationInsights } from "../../simulator/insights/application-insights.ts";
import type { Envelope } from "../../simulator/insights/envelopes.ts";
import { trustedCertificate } from "../../simulator/tls.ts";

let insights: ApplicationInsights;
let telemetry: Telemetry;
const told: { readonly message: string; readonly times: number }[] = [];
const words = () => told.map(({ message }) => message).join("\n");
const waits: number[] = [];

before(async () => {
  keepExporterQuiet();
  insights = await startApplicationInsights({ port: 0, certificate: await trustedCertificate() });
});
beforeEach(() => {
  told.length = 0;
  waits.length = 0;
  insights.clear();
  insights.server.requests.length = 0;
  insights.refuseItems(() => undefined);
  const exporters = createExporters({
    connectionString: insights.connectionString,
    identity: undefined,
    onRefusal: (message, times) => void told.push({ message, times }),
    sleep: async (ms) => void waits.push(ms),
  });
  telemetry = startTelemetry({ exporters, serviceName: "test", onTrouble: () => {} });
});
afterEach(async () => {
  insights.server.clearFaults();
  await telemetry.stop();
});
after(() => insights.server.stop());

/** Sends lines of the log, and nothing else, and gives those that arrived. */
async function send(...desks: readonly string[]): Promise<unknown[]> {
  for (const desk of desks) telemetry.record("warn", "desk down", { desk });
  await telemetry.flush();
  return insights.logs.map(({ fields }) => fields.desk);
}

const isOf = (desk: string) => (item: Envelope) => item.data.baseData.message?.includes(`"${desk}"`) === true;
const isLogs = ({ body }: { readonly body: Buffer }) => body.includes("MessageData");
const logRequests = () => insights.server.requests.filter(isLogs).length;

describe("telemetry that Application Insights does not take", () => {
  for (const [status, expected] of [
    [400, /HTTP 400; look at APPLICATIONINSIGHTS_CONNECTION_STRING/],
    [401, /HTTP 401; give the app's managed identity the role "Monitoring Metrics Publisher"/],
    [403, /HTTP 403; give the app's managed identity the role "Monitoring Metrics Publisher"/],
    [404, /HTTP 404; no such place/],
    [439, /HTTP 439; its daily cap is used up/],
  ] as const) {
    it(`is told as lost, with what to do: ${status}`, async () => {
      insights.server.plan(isLogs, { kind: "answer", answer: { status, body: "no such place" } }, 99);
      assert.deepEqual(await send("a"), []);
      assert.deepEqual(
        told.map(({ times }) => times),
        [1],
      );
      assert.match(words(), expected);
    });
  }

  it("is told as lost where the key is not that of any resource, which the exporter calls a success", async () => {
    const body = JSON.stringify({ errors: [{ index: 0, statusCode: 400, message: "Invalid instrumentation key" }] });
    insights.server.plan(isLogs, { kind: "answer", answer: { status: 400, body } });
    await send("a");
    assert.match(words(), /HTTP 400; look at APPLICATIONINSIGHTS_CONNECTION_STRING/);
  });

  for (const status of [429, 503]) {
    it(`is told as lost once the SDK has tried it often enough, and not before: ${status}`, async () => {
      const answer = { status, headers: { "retry-after-ms": "1" }, body: "" };
      insights.server.plan(isLogs, { kind: "answer", answer }, 2);
      assert.deepEqual(await send("a"), ["a"]);
      assert.deepEqual(told, []);
      insights.server.plan(isLogs, { kind: "answer", answer }, 99);
      await send("b");
      assert.match(words(), new RegExp(`HTTP ${status}`));
    });
  }
});

describe("items of a batch that Application Insights refuses", () => {
  it("are sent again alone where they may be taken the next time", async () => {
    for (const statusCode of [408, 429, 500, 502, 503, 504]) {
      let refused = 0;
      insights.clear();
      insights.server.requests.length = 0;
      insights.refuseItems((item) => {
        if (!isOf("b")(item) || refused === 1) return undefined;
        refused += 1;
        return { statusCode, message: "Busy" };
      });
      assert.deepEqual(await send("a", "b", "c"), ["a", "c", "b"]);
      assert.equal(logRequests(), 2);
    }
    assert.deepEqual(told, []);
    assert.deepEqual(waits, [1_000, 1_000, 1_000, 1_000, 1_000, 1_000]);
  });

  it("are told as lost where they are refused again and again", async () => {
    insights.refuseItems((item) => (isOf("b")(item) ? { statusCode: 503, message: "Busy" } : undefined));
    assert.deepEqual(await send("a", "b"), ["a"]);
    assert.equal(logRequests(), 3);
    assert.deepEqual(waits, [1_000, 4_000]);
    assert.deepEqual(told, [
      { message: "Application Insights took nothing of it, and it is lost: HTTP 503; Busy", times: 1 },
    ]);
  });

  it("are told as lost, and not sent again, where they are refused for good", async () => {
    insights.refuseItems((item) => {
      if (isOf("b")(item)) return { statusCode: 400, message: "Field 'name' is too long" };
      return isOf("c")(item) ? { statusCode: 439, message: "Daily quota" } : undefined;
    });
    assert.deepEqual(await send("a", "b", "c"), ["a"]);
    assert.equal(logRequests(), 1);
    assert.deepEqual(
      told.map(({ message }) => /HTTP \d+/.exec(message)?.[0]),
      ["HTTP 400", "HTTP 439"],
    );
  });

  it("are told as lost where the second request is refused as a whole", async () => {
    insights.refuseItems((item) => {
      if (!isOf("b")(item)) return undefined;
      insights.server.plan(isLogs, { kind: "answer", answer: { status: 403, body: "" } });
      return { statusCode: 500, message: "Fault" };
    });
    assert.deepEqual(await send("a", "b"), ["a"]);
    assert.deepEqual(
      told.map(({ message, times }) => [/HTTP \d+/.exec(message)?.[0], times]),
      [["HTTP 403", 1]],
    );
  });

  it("are no trouble where somebody wants them sampled out", async () => {
    insights.refuseItems((item) =>
      isOf("b")(item) ? { statusCode: 206, message: "Telemetry sampled out." } : undefined,
    );
    assert.deepEqual(await send("a", "b"), ["a"]);
    assert.deepEqual(told, []);
  });
});
