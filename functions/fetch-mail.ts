import { app, type InvocationContext, type Timer } from "@azure/functions";
import { fetchSchedule } from "../shared/platform/config.ts";
import { withApp } from "./invocation.ts";

/** Fetches the mailboxes that are due, and leaves to the queue what does not fit into this run. */
app.timer("fetch-mail", {
  schedule: fetchSchedule(),
  handler: (_timer: Timer, context: InvocationContext) =>
    withApp(context, ({ fetchDueMailboxes }) => fetchDueMailboxes()),
});
