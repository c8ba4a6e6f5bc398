import { app, type HttpRequest, type InvocationContext } from "@azure/functions";
import { consentPage } from "../shared/web/consent-page.ts";
import { fetchesQueue, mailboxFetch } from "./fetches-queue.ts";
import { cookieOf, formOf, withHttpApp } from "./http.ts";

/**
 * Takes Microsoft's answer. Anonymous, because the function key's parameter is called `code` as well; the one-time
 * state, its cookie, PKCE and the nonce guard it.
 */
app.http("finish-consent", {
  methods: ["GET", "POST"],
  authLevel: "anonymous",
  extraOutputs: [fetchesQueue],
  handler: (request: HttpRequest, context: InvocationContext) =>
    withHttpApp(request, context, async ({ registry, consents, changeMailbox, urls }) => {
      const parameters = request.method === "POST" ? await formOf(request) : new URLSearchParams(request.query);
      const result = await consents.finish({ parameters, cookie: (name) => cookieOf(request, name) });
      if (result.kind === "connected") {
        await changeMailbox.connected(result.mailboxId, result.userName);
        context.extraOutputs.set(fetchesQueue, mailboxFetch(result.mailboxId));
      }
      const id = result.kind === "approved" ? undefined : result.mailboxId;
      const mailbox = id === undefined ? undefined : await registry.get(id);
      return consentPage(result, mailbox?.address, urls);
    }),
});
