import { app, type HttpRequest, type InvocationContext } from "@azure/functions";
import { z } from "zod";
import { existingMessage } from "../shared/mail/ledger/ledger.ts";
import { existingMailbox } from "../shared/mailboxes/mailbox.ts";
import { jsonAnswer, withHttpApp } from "./http.ts";
import { bodyOf, messageJson } from "./json.ts";

const body = z.object({ note: z.string({ error: "is missing: say why the message is given up" }) });

/** Gives a quarantined message up, with the reason. */
app.http("discard-message", {
  methods: ["POST"],
  authLevel: "function",
  route: "mailboxes/{id}/messages/{key}/discard",
  handler: (request: HttpRequest, context: InvocationContext) =>
    withHttpApp(request, context, async ({ registry, ledger, quarantine }) => {
      const { key = "" } = request.params;
      const { id } = await existingMailbox(registry, request.params.id ?? "");
      const { note } = await bodyOf(request, body);
      await quarantine.discard(id, key, note);
      return jsonAnswer(200, messageJson(await existingMessage(ledger, id, key)));
    }),
});
