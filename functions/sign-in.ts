import { app, type HttpRequest, type InvocationContext } from "@azure/functions";
import { redirectTo } from "../shared/web/layout.ts";
import { withHttpApp } from "./http.ts";

/** Sends an administrator to Microsoft, to come back to a page of ours. */
app.http("sign-in", {
  methods: ["GET"],
  authLevel: "anonymous",
  handler: (request: HttpRequest, context: InvocationContext) =>
    withHttpApp(request, context, async ({ signIn, urls }) => {
      const returnTo = urls.ownPath(request.query.get("return") ?? "") ?? urls.mailboxes;
      const { location, cookie } = await signIn.start(returnTo, request.query.get("account") === "choose");
      return redirectTo(location.href, [cookie]);
    }),
});
