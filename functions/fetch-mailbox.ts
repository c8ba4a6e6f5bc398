import { app, type InvocationContext } from "@azure/functions";
import { FETCHES_QUEUE, fetchesQueue, type MailboxFetch, mailboxFetch, STORAGE_CONNECTION } from "./fetches-queue.ts";
import { withApp } from "./invocation.ts";

/** Fetches one mailbox; puts it back on the queue where work is left at the end of its budget. */
app.storageQueue("fetch-mailbox", {
  queueName: FETCHES_QUEUE,
  connection: STORAGE_CONNECTION,
  extraOutputs: [fetchesQueue],
  handler: (message: unknown, context: InvocationContext) =>
    withApp(context, async ({ fetchMailbox }) => {
      const { mailboxId, traceparent } = message as MailboxFetch;
      const outcome = await fetchMailbox(mailboxId, traceparent);
      if (outcome.kind === "fetched" && outcome.more) context.extraOutputs.set(fetchesQueue, mailboxFetch(mailboxId));
    }),
});
