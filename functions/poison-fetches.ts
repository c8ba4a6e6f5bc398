import { app, type InvocationContext } from "@azure/functions";
import { FETCHES_QUEUE, type MailboxFetch, STORAGE_CONNECTION } from "./fetches-queue.ts";
import { withApp } from "./invocation.ts";

/** Takes the messages that `fetch-mailbox` failed on time and again, and records them on their mailboxes. */
app.storageQueue("poison-fetches", {
  queueName: `${FETCHES_QUEUE}-poison`,
  connection: STORAGE_CONNECTION,
  handler: (message: unknown, context: InvocationContext) =>
    withApp(context, async ({ fetchAbandoned }) => {
      const { mailboxId } = (message ?? {}) as Partial<MailboxFetch>;
      await fetchAbandoned(String(mailboxId));
    }),
});
