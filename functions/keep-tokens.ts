import { app, type InvocationContext, type Timer } from "@azure/functions";
import { withApp } from "./invocation.ts";

/** Daily, at an hour without much mail: keeps idle connections alive and sweeps what is over. */
app.timer("keep-tokens", {
  schedule: "0 17 3 * * *",
  handler: (_timer: Timer, context: InvocationContext) =>
    withApp(context, async ({ renewGrants, purge }) => {
      await renewGrants();
      await purge();
    }),
});
