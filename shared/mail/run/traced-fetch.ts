import { inSpan, RUN_SPAN } from "../../telemetry/spans.ts";
import type { FetchOutcome, FetchRun } from "./fetch-mailbox.ts";

/** A run as a span, with what caused it: the traceparent that came with the queue's message. */
export function traceFetches(fetchMailbox: (run: FetchRun) => Promise<FetchOutcome>) {
  return (run: FetchRun, causedBy?: string): Promise<FetchOutcome> =>
    inSpan(RUN_SPAN, { attributes: { "deskpost.mailbox": run.mailboxId }, causedBy }, async (span) => {
      const outcome = await fetchMailbox(run);
      span.set({ "deskpost.outcome": outcome.kind });
      if (outcome.kind === "failed") span.fail(outcome.code);
      return outcome;
    });
}
