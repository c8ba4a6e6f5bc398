import { app, type HttpRequest, type InvocationContext } from "@azure/functions";
import { z } from "zod";
import { MESSAGE_STATES } from "../shared/mail/ledger/ledger.ts";
import { existingMailbox } from "../shared/mailboxes/mailbox.ts";
import { jsonAnswer, withHttpApp } from "./http.ts";
import { limitQuery, messageJson, queryOf } from "./json.ts";

const query = z.object({
  state: z.enum(MESSAGE_STATES, { error: `must be one of ${MESSAGE_STATES.join(", ")}` }).optional(),
  limit: limitQuery,
});

/** What the ledger knows of a mailbox's messages: all of them, where no limit is asked for. */
app.http("messages", {
  methods: ["GET"],
  authLevel: "function",
  route: "mailboxes/{id}/messages",
  handler: (request: HttpRequest, context: InvocationContext) =>
    withHttpApp(request, context, async ({ registry, ledger }) => {
      const { state, limit } = queryOf(request, query);
      const { id } = await existingMailbox(registry, request.params.id ?? "");
      const messages = await ledger.messages(id, state, limit ?? Number.POSITIVE_INFINITY);
      return jsonAnswer(200, { messages: messages.map(messageJson) });
    }),
});
