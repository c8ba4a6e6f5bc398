import { app, type HttpRequest, type InvocationContext } from "@azure/functions";
import { z } from "zod";
import { existingMailbox } from "../shared/mailboxes/mailbox.ts";
import { fetchesQueue, mailboxFetch } from "./fetches-queue.ts";
import { jsonAnswer, withHttpApp } from "./http.ts";
import { bodyOf, moment } from "./json.ts";

const body = z.object({
  since: moment,
  dryRun: z.boolean({ error: "is neither true nor false" }).default(false),
});

/** Counts the older mail of a mailbox, and imports it unless only the count is asked for. */
app.http("import-mail", {
  methods: ["POST"],
  authLevel: "function",
  route: "mailboxes/{id}/import",
  extraOutputs: [fetchesQueue],
  handler: (request: HttpRequest, context: InvocationContext) =>
    withHttpApp(request, context, async ({ registry, importMail }) => {
      const { since, dryRun } = await bodyOf(request, body);
      const mailbox = await existingMailbox(registry, request.params.id ?? "");
      const preview = await importMail.preview(mailbox, since);
      if (!dryRun) {
        await importMail.start(mailbox, since);
        context.extraOutputs.set(fetchesQueue, mailboxFetch(mailbox.id));
      }
      return jsonAnswer(dryRun ? 200 : 202, { ...preview, started: !dryRun });
    }),
});
