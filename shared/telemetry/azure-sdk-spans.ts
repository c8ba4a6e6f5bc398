import { useInstrumenter } from "@azure/core-tracing";
import { context, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { azureRoute } from "./routes.ts";

type Instrumenter = Parameters<typeof useInstrumenter>[0];
type TracingSpan = ReturnType<Instrumenter["startSpan"]>["span"];

/** The SDKs begin a span for each operation and, inside it, one of this name for each request; the requests are kept. */
const REQUEST = /^HTTP ([A-Z]+)$/;

const NO_SPAN: TracingSpan = {
  setStatus: () => undefined,
  setAttribute: () => undefined,
  end: () => undefined,
  recordException: () => undefined,
  isRecording: () => false,
};

/**
 * Makes a span of each request that the SDKs of Azure send: attempts, not operations, because those are what fails and
 * what takes its time. Of the SDKs' own attributes only the status is taken: their address holds names of secrets.
 */
export function traceAzureSdks(): void {
  useInstrumenter({
    startSpan(name, { spanAttributes, tracingContext }) {
      const method = REQUEST.exec(name)?.[1];
      const url = spanAttributes?.["http.url"];
      if (method === undefined || typeof url !== "string") {
        return { span: NO_SPAN, tracingContext: tracingContext ?? context.active() };
      }
      const route = azureRoute(url);
      const attributes = {
        "deskpost.service": "azure",
        "http.request.method": method,
        "server.address": route.split(" ")[0] ?? "azure",
      };
      const span = trace.getTracer("deskpost").startSpan(`${method} ${route}`, { kind: SpanKind.CLIENT, attributes });
      return { span: spanOfSdk(span), tracingContext: trace.setSpan(context.active(), span) };
    },
    withContext: (tracingContext, callback, ...args) => context.with(tracingContext, () => callback(...args)),
    parseTraceparentHeader: () => undefined,
    // Storage and Key Vault log requests by an id of their own; ours would tell them nothing.
    createRequestHeaders: () => ({}),
  });
}

/** How storage says that a row is absent, there already or changed, and how Key Vault asks for a token. */
const EVERYDAY_REFUSALS: ReadonlySet<number | undefined> = new Set([401, 404, 409, 412]);

function spanOfSdk(span: Span): TracingSpan {
  let isRefused = false;
  let httpStatus: number | undefined;
  return {
    setStatus: ({ status }) => {
      isRefused = status === "error";
    },
    setAttribute: (name, value) => {
      if (name !== "http.status_code") return;
      httpStatus = Number(value);
      span.setAttribute("http.response.status_code", httpStatus);
    },
    end: () => {
      if (isRefused && !EVERYDAY_REFUSALS.has(httpStatus)) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end();
    },
    // Texts of errors may quote what was sent.
    recordException: () => undefined,
    isRecording: () => span.isRecording(),
  };
}
