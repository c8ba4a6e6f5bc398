import { app, type HttpRequest, type InvocationContext } from "@azure/functions";
import { redirectTo } from "../shared/web/layout.ts";
import { signInRefusedPage } from "../shared/web/sign-in-page.ts";
import { cookieOf, formOf, withHttpApp } from "./http.ts";

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
