import { app, type InvocationContext } from "@azure/functions";
import { FETCHES_QUEUE, type MailboxFetch, STORAGE_CONNECTION } from "./fetches-queue.ts";
import { withApp } from "./invocation.ts";

/** Fetches one mailbox; where work is left at the end of its budget, it goes to the queue again. */
app.storageQueue("fetch-mailbox", {
  queueName: FETCHES_QUEUE,
  connection: STORAGE_CONNECTION,
  handler: (message: unknown, context: InvocationContext) =>
    withApp(context, async ({ fetchMailbox }) => {
      const { mailboxId, traceparent } = message as MailboxFetch;
      await fetchMailbox(mailboxId, traceparent);
    }),
});
