import { app, type HttpRequest, type InvocationContext } from "@azure/functions";
import type { App } from "../shared/app.ts";
import type { ApiRight } from "../shared/web/api/api-route.ts";
import { findApiRoute } from "../shared/web/api/api-routes.ts";
import { openApiDocument } from "../shared/web/api/openapi.ts";
import { jsonAnswer } from "../shared/web/json-answer.ts";
import type { WebAnswer } from "../shared/web/layout.ts";
import { jsonOf, refuseForeignForms, withHttpApp } from "./http.ts";

// One function per right, so that each has keys of its own; the lines themselves are in shared/web/api/api-routes.ts.
//
// Several functions may share a template where their methods differ. Of two that fit an address, the host takes the first
// by name, and not the one with more fixed parts: `api-write` fits every POST, and has to come after the others.
// https://github.com/Azure/azure-functions-nodejs-library/issues/300

/** Looking, which changes nothing. */
app.http("api-read", {
  methods: ["GET"],
  authLevel: "function",
  route: "mailboxes/{*path}",
  handler: serving("read"),
});

/** Letting somebody outside in. */
app.http("api-invite", {
  methods: ["POST"],
  authLevel: "function",
  route: "mailboxes/{id}/invite",
  handler: serving("invite"),
});

/** Taking a mailbox off the list. */
app.http("api-remove", {
  methods: ["DELETE"],
  authLevel: "function",
  route: "mailboxes/{*path}",
  handler: serving("remove"),
});

/** The same for programs that cannot send DELETE. A function has one route, so this one has a key of its own. */
app.http("api-remove-by-post", {
  methods: ["POST"],
  authLevel: "function",
  route: "mailboxes/{id}/remove",
  handler: serving("remove"),
});

/** Everything that changes something, but for what follows. */
app.http("api-write", {
  methods: ["POST"],
  authLevel: "function",
  route: "mailboxes/{*path}",
  handler: serving("write"),
});

/** What there is, for programs and for those who write them. It holds no secret. */
app.http("openapi", {
  methods: ["GET"],
  authLevel: "anonymous",
  route: "openapi.json",
  handler: (request: HttpRequest, context: InvocationContext) =>
    withHttpApp(request, context, async () => jsonAnswer(200, openApiDocument())),
});

function serving(right: ApiRight) {
  return (request: HttpRequest, context: InvocationContext) =>
    withHttpApp(request, context, (deskpost) => serve(deskpost, right, request));
}

function serve(deskpost: App, right: ApiRight, request: HttpRequest): Promise<WebAnswer> {
  if (request.method !== "GET") refuseForeignForms(deskpost, request);
  // From the address and not from the parameters of the route, in which hosts decode more or less of it.
  const path = new URL(request.url).pathname.replace(/^\/api\//i, "");
  const { route, parameters } = findApiRoute(right, request.method, path);
  const query = new URLSearchParams(request.query);
  return route.serve({ app: deskpost, query, json: () => jsonOf(request) }, parameters);
}
