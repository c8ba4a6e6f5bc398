import { app, type InvocationContext, type Timer } from "@azure/functions";
import { fetchSchedule } from "../shared/config.ts";
import { fetchesQueue, mailboxFetch } from "./fetches-queue.ts";
import { withApp } from "./invocation.ts";

/** Fetches the mailboxes that are due, and leaves to the queue what does not fit into this run. */
app.timer("fetch-mail", {
  schedule: fetchSchedule(),
  extraOutputs: [fetchesQueue],
  handler: (_timer: Timer, context: InvocationContext) =>
    withApp(context, async ({ fetchDueMailboxes }) => {
      const left = await fetchDueMailboxes();
      if (left.length > 0) context.extraOutputs.set(fetchesQueue, left.map(mailboxFetch));
    }),
});
