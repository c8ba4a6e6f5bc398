import { app, type HttpRequest, type InvocationContext } from "@azure/functions";
import { z } from "zod";
import { existingMailbox } from "../shared/mailboxes/mailbox.ts";
import { jsonAnswer, withHttpApp } from "./http.ts";
import { moment, queryOf } from "./json.ts";

const query = z.object({ from: moment.optional(), until: moment.optional() });

/** What became of the mail of a period, and whether ledger and folder agree. */
app.http("account", {
  methods: ["GET"],
  authLevel: "function",
  route: "mailboxes/{id}/account",
  handler: (request: HttpRequest, context: InvocationContext) =>
    withHttpApp(request, context, async ({ registry, audit }) => {
      const { from = new Date(0), until = new Date() } = queryOf(request, query);
      const mailbox = await existingMailbox(registry, request.params.id ?? "");
      return jsonAnswer(200, await audit(mailbox, { from, until }));
    }),
});
