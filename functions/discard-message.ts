import { app, type HttpRequest, type InvocationContext } from "@azure/functions";
import { z } from "zod";
import { jsonAnswer, withHttpApp } from "./http.ts";
import { bodyOf, messageJson } from "./json.ts";

const body = z.object({ note: z.string({ error: "is missing: say why the message is given up" }) });

/** Gives a quarantined message up, with the reason. */
app.http("discard-message", {
  methods: ["POST"],
  authLevel: "function",
  route: "mailboxes/{id}/messages/{key}/discard",
  handler: (request: HttpRequest, context: InvocationContext) =>
    withHttpApp(request, context, async ({ messages, quarantine }) => {
      const { id = "", key = "" } = request.params;
      const { note } = await bodyOf(request, body);
      const { key: stored } = await messages.entry(id, key);
      await quarantine.discard(id, stored, note);
      return jsonAnswer(200, messageJson(await messages.entry(id, key)));
    }),
});
