import { app, type HttpRequest, type InvocationContext } from "@azure/functions";
import type { App } from "../shared/app.ts";
import { errorPage } from "../shared/web/error-page.ts";
import { redirectTo, type WebAnswer } from "../shared/web/layout.ts";
import { findPageRoute } from "../shared/web/page-routes.ts";
import { SESSION_COOKIE } from "../shared/web/session/sessions.ts";
import { sessionOverPage } from "../shared/web/sign-in-page.ts";
import { cookieOf, formOf, orErrorPage, refuseForgedForm, withHttpApp } from "./http.ts";

/**
 * Every page for people, behind one guard: a session for each, and the session's own form for each change. Anonymous for
 * the Functions host, which knows nothing of sessions. The pages themselves are in shared/web/page-routes.ts.
 */
app.http("pages", {
  methods: ["GET", "POST"],
  authLevel: "anonymous",
  route: "pages/{*path}",
  handler: (request: HttpRequest, context: InvocationContext) =>
    withHttpApp(request, context, (deskpost) => guarded(deskpost, request)),
});

async function guarded(deskpost: App, request: HttpRequest): Promise<WebAnswer> {
  const { urls, sessions, config } = deskpost;
  const session = await sessions.read(cookieOf(request, SESSION_COOKIE));
  if (session === undefined) {
    const { pathname, search } = new URL(request.url);
    return request.method === "GET"
      ? redirectTo(urls.signIn(urls.ownPath(`${pathname}${search}`)))
      : sessionOverPage({ urls, links: {}, session });
  }
  const page = { urls, links: config.pageLinks, session };
  const form = request.method === "POST" ? await formOf(request) : new URLSearchParams();
  if (request.method === "POST") refuseForgedForm(deskpost, request, session, form);

  const found = findPageRoute(request.method, request.params.path ?? "");
  if (found === undefined) return errorPage(404, "There is no such page. The link may be mistyped.", page);
  const answer = await orErrorPage(page, () =>
    found.route.answer({
      app: deskpost,
      session,
      page,
      parameter: (name) => found.parameters.get(name) ?? "",
      query: new URLSearchParams(request.query),
      form,
    }),
  );
  const touched = request.query.has("unattended") ? undefined : await sessions.touch(session);
  return touched === undefined ? answer : { ...answer, cookies: [...(answer.cookies ?? []), touched] };
}
