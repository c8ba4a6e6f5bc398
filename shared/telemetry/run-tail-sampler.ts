import { SpanStatusCode } from "@opentelemetry/api";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace-base";
import { RUN_SPAN } from "./spans.ts";

/** Of the runs in which nothing happened, one in so many is kept. */
const KEEP_ONE_IN = 20;

/** A run whose spans wait until it is known whether anything happened in it. */
interface Run {
  readonly rootId: string;
  readonly held: ReadableSpan[];
  eventful: boolean;
  fate: "kept" | "dropped" | undefined;
}

/**
 * Holds the spans of a run until it ends. A run in which nothing went to a desk and nothing failed looks like every
 * other: a mailbox has 1,440 of them a day with about ten calls each, which would cost more than all the rest. One in
 * twenty is kept. Metrics and logs, which alerts are made of, count every run.
 */
export function createRunTailSampler(next: SpanProcessor, random: () => number = Math.random): SpanProcessor {
  const runs = new Map<string, Run>();

  function endRun(run: Run, root: ReadableSpan): void {
    run.fate =
      run.eventful || root.status.code === SpanStatusCode.ERROR || random() < 1 / KEEP_ONE_IN ? "kept" : "dropped";
    if (run.fate === "kept") for (const span of run.held) next.onEnd(span);
    run.held.length = 0;
  }

  return {
    onStart(span, parentContext) {
      const { spanId } = span.spanContext();
      const parentId = span.parentSpanContext?.spanId ?? "";
      const run =
        span.name === RUN_SPAN ? { rootId: spanId, held: [], eventful: false, fate: undefined } : runs.get(parentId);
      if (run !== undefined) runs.set(spanId, run);
      next.onStart(span, parentContext);
    },
    onEnd(span) {
      const { spanId } = span.spanContext();
      const run = runs.get(spanId);
      runs.delete(spanId);
      if (run === undefined || run.fate === "kept") return next.onEnd(span);
      if (run.fate === "dropped") return;
      run.held.push(span);
      run.eventful ||= isEventful(span);
      if (run.rootId === spanId) endRun(run, span);
    },
    forceFlush: () => next.forceFlush(),
    shutdown: () => next.shutdown(),
  };
}

/** A 404, 409 or 412 of storage is how Deskpost works; what Graph, Entra or a desk refuses is news. */
function isEventful({ attributes, status }: ReadableSpan): boolean {
  const service = attributes["deskpost.service"];
  return service === "desk" || (service !== "azure" && status.code === SpanStatusCode.ERROR);
}
