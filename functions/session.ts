import { app, type HttpRequest, type InvocationContext } from "@azure/functions";
import { currentLog } from "../shared/telemetry/current-log.ts";
import { redirectTo } from "../shared/web/layout.ts";
import { SESSION_COOKIE } from "../shared/web/session/sessions.ts";
import { signedOutPage, signInRefusedPage } from "../shared/web/sign-in-page.ts";
import { cookieOf, formOf, refuseForgedForm, withHttpApp } from "./http.ts";

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

/**
 * Takes Microsoft's answer, which is always a form; what a GET carries is not looked at. Anonymous: the sealed cookie of
 * this very sign-in, PKCE, the nonce, the tenant and the role guard it.
 */
app.http("finish-sign-in", {
  methods: ["GET", "POST"],
  authLevel: "anonymous",
  handler: (request: HttpRequest, context: InvocationContext) =>
    withHttpApp(request, context, async ({ signIn, urls }) => {
      const parameters = request.method === "POST" ? await formOf(request) : new URLSearchParams();
      const result = await signIn.finish({ parameters, cookie: (name) => cookieOf(request, name) });
      if (result.kind === "signed-in") return redirectTo(new URL(result.returnTo, urls.origin).href, result.cookies);
      if (result.kind === "once-more") return redirectTo(result.location.href, result.cookies);
      const page = await signInRefusedPage(result, { urls, links: {}, session: undefined });
      return { ...page, cookies: result.cookies };
    }),
});

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
