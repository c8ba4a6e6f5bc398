import { type Attributes, context, type Link, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { codeOf } from "../platform/errors.ts";

/** The span of one run for one mailbox. */
export const RUN_SPAN = "fetch mailbox";

/** A span as code sees it while it runs: more can be said of it, and that it failed. */
export interface RunningSpan {
  set(attributes: Attributes): void;
  /** Marks it as failed, by a code: texts can hold addresses and the words of others. */
  fail(code: string): void;
}

export interface SpanOptions {
  /** internal: a piece of work here; client: a call to another service. */
  readonly kind?: "internal" | "client";
  readonly attributes?: Attributes;
  /** What set this off without waiting for it, as it came with a message. */
  readonly causedBy?: string | undefined;
}

/**
 * Runs work inside a span. Without the SDK, which is only loaded where telemetry is sent somewhere, this costs nothing.
 * @param name a template: no ids, no addresses, no query
 */
export function inSpan<T>(name: string, options: SpanOptions, work: (span: RunningSpan) => Promise<T>): Promise<T> {
  const kind = options.kind === "client" ? SpanKind.CLIENT : SpanKind.INTERNAL;
  const settings = { kind, attributes: options.attributes ?? {}, links: linksTo(options.causedBy) };
  return trace.getTracer("deskpost").startActiveSpan(name, settings, async (span) => {
    const fail = (code: string) => void span.setStatus({ code: SpanStatusCode.ERROR, message: code });
    try {
      return await work({ set: (attributes) => void span.setAttributes(attributes), fail });
    } catch (error) {
      fail(codeOf(error));
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Names the span under way for a message to somebody who works later. https://www.w3.org/TR/trace-context/#traceparent-header */
export function traceparent(): string | undefined {
  const span = trace.getSpanContext(context.active());
  if (span === undefined || !trace.isSpanContextValid(span)) return undefined;
  return `00-${span.traceId}-${span.spanId}-${span.traceFlags.toString(16).padStart(2, "0")}`;
}

/** Runs work as a part of what somebody else began, as the Functions host does with each invocation. */
export function withTraceparent<T>(header: string | undefined, work: () => T): T {
  const parent = parseTraceparent(header);
  return parent === undefined ? work() : context.with(trace.setSpanContext(context.active(), parent), work);
}

function linksTo(header: string | undefined): Link[] {
  const linked = parseTraceparent(header);
  return linked === undefined ? [] : [{ context: linked }];
}

function parseTraceparent(header: string | undefined) {
  const [, traceId, spanId, flags] = /^[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})/.exec(header ?? "") ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  const found = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return trace.isSpanContextValid(found) ? found : undefined;
}
