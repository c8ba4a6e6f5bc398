import { app, type InvocationContext, type Timer } from "@azure/functions";
import { fetchSchedule } from "../shared/platform/config.ts";
import { FETCHES_QUEUE, readMailboxFetch } from "../shared/scheduling/queue-fetches.ts";
import { withApp } from "./invocation.ts";

const connection = "AzureWebJobsStorage";

/** Fetches the mailboxes that are due, and leaves to the queue what does not fit into this run. */
app.timer("fetch-mail", {
  schedule: fetchSchedule(),
  handler: (_timer: Timer, context: InvocationContext) =>
    withApp(context, ({ fetchDueMailboxes }) => fetchDueMailboxes()),
});

/** Fetches one mailbox; where work is left at the end of its budget, it goes to the queue again. */
app.storageQueue("fetch-mailbox", {
  queueName: FETCHES_QUEUE,
  connection,
  handler: (message: unknown, context: InvocationContext) =>
    withApp(context, async ({ fetchMailbox, fetchAbandoned }) => {
      const fetch = readMailboxFetch(message);
      if (fetch === undefined) await fetchAbandoned(undefined);
      else await fetchMailbox(fetch.mailboxId, fetch.traceparent);
    }),
});

/** Takes the messages that `fetch-mailbox` failed on time and again, and records them on their mailboxes. */
app.storageQueue("poison-fetches", {
  queueName: `${FETCHES_QUEUE}-poison`,
  connection,
  handler: (message: unknown, context: InvocationContext) =>
    withApp(context, async ({ fetchAbandoned }) => {
      await fetchAbandoned(readMailboxFetch(message)?.mailboxId);
    }),
});

/** Daily, at an hour without much mail: renews grants that nobody has used for a week, and purges what is over. */
app.timer("keep-tokens", {
  schedule: "0 17 3 * * *",
  handler: (_timer: Timer, context: InvocationContext) =>
    withApp(context, async ({ renewGrants, purge }) => {
      await renewGrants();
      await purge();
    }),
});
