import { app, type HttpRequest, type InvocationContext } from "@azure/functions";
import { z } from "zod";
import { jsonAnswer, withHttpApp } from "./http.ts";
import { bodyOf } from "./json.ts";

const body = z.object({ testMessage: z.boolean({ error: "is neither true nor false" }).default(false) });

/** Tests a mailbox from end to end. What fails is part of the answer, which is 200. */
app.http("check-mailbox", {
  methods: ["POST"],
  authLevel: "function",
  route: "mailboxes/{id}/check",
  handler: (request: HttpRequest, context: InvocationContext) =>
    withHttpApp(request, context, async ({ checkMailbox }) => {
      const { testMessage } = await bodyOf(request, body);
      return jsonAnswer(200, await checkMailbox(request.params.id ?? "", { testMessage }));
    }),
});
