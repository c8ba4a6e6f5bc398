import { app, type HttpRequest, type InvocationContext } from "@azure/functions";
import { z } from "zod";
import { inWords } from "../shared/activity/activity-words.ts";
import { existingMailbox } from "../shared/mailboxes/mailbox.ts";
import { jsonAnswer, withHttpApp } from "./http.ts";
import { limitQuery, queryOf } from "./json.ts";

const LIMIT_DEFAULT = 50;

const query = z.object({ limit: limitQuery });

/** What happened to a mailbox of late, the newest first. */
app.http("activity", {
  methods: ["GET"],
  authLevel: "function",
  route: "mailboxes/{id}/activity",
  handler: (request: HttpRequest, context: InvocationContext) =>
    withHttpApp(request, context, async ({ registry, activity }) => {
      const { limit } = queryOf(request, query);
      const { id } = await existingMailbox(registry, request.params.id ?? "");
      const happenings = await activity.list(id, limit ?? LIMIT_DEFAULT);
      return jsonAnswer(200, { activity: happenings.map((one) => ({ ...one, words: inWords(one) })) });
    }),
});
