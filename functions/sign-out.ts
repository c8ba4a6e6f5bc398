import { app, type HttpRequest, type InvocationContext } from "@azure/functions";
import { currentLog } from "../shared/telemetry/current-log.ts";
import { SESSION_COOKIE } from "../shared/web/session/sessions.ts";
import { signedOutPage } from "../shared/web/sign-in-page.ts";
import { cookieOf, formOf, refuseForgedForm, withHttpApp } from "./http.ts";

/** Ends the session in this browser. Where there is none any more, it says so all the same. */
app.http("sign-out", {
  methods: ["POST"],
  authLevel: "anonymous",
  handler: (request: HttpRequest, context: InvocationContext) =>
    withHttpApp(request, context, async (deskpost) => {
      const { sessions, signIn, urls } = deskpost;
      const session = await sessions.read(cookieOf(request, SESSION_COOKIE));
      if (session !== undefined) {
        refuseForgedForm(deskpost, request, session, await formOf(request));
        currentLog.info("signed out", { objectId: session.objectId });
      }
      const page = { urls, links: {}, session: undefined };
      const answer = await signedOutPage((await signIn.signOutUrl()).href, page);
      return { ...answer, cookies: [await sessions.end(session)] };
    }),
});
