import type { Answer, SeenRequest } from "../stand-in.ts";
import type { Binding, HttpData, InvocationResponse } from "./functions-core.ts";
import { setCookieLine } from "./host-cookies.ts";
import type { Invoker } from "./host-invocations.ts";
import { createRoute, type Route } from "./host-routes.ts";

interface HttpDeps {
  readonly invoker: Invoker;
  readonly routePrefix: string;
  /** Opens every function, as a host key does. Undefined: keys are not asked for, as with the core tools. */
  readonly functionKey: string | undefined;
  /** Keys that open one function each, by its name. */
  readonly functionKeys: Readonly<Record<string, string>>;
}

/** A route as an application registered it, such as "api/mailboxes/{id?}". */
export interface HttpRoute extends Pick<Route, "functionName" | "methods" | "authLevel"> {
  readonly path: string;
}

export interface HttpFunctions {
  readonly routes: readonly HttpRoute[];
  add(functionName: string, trigger: Binding): void;
  handle(request: SeenRequest): Promise<Answer>;
}

/** Routes requests to the functions with an HTTP trigger. */
export function createHttpFunctions({ invoker, routePrefix, functionKey, functionKeys }: HttpDeps): HttpFunctions {
  const routes: Route[] = [];
  const registered: HttpRoute[] = [];

  function mayPass(route: Route, request: SeenRequest): boolean {
    if (functionKey === undefined || route.authLevel === "anonymous") return true;
    const given = request.headers["x-functions-key"] ?? request.query.get("code");
    return given === functionKey || (given !== null && given === functionKeys[route.functionName]);
  }

  return {
    routes: registered,
    add: (functionName, trigger) => {
      const path = `${routePrefix}/${trigger.route ?? functionName}`;
      const rest = {
        functionName,
        methods: ((trigger.methods as string[] | undefined) ?? ["GET", "POST"]).map((method) => method.toUpperCase()),
        authLevel: String(trigger.authLevel ?? "anonymous").toLowerCase(),
      };
      registered.push({ path, ...rest });
      routes.push(createRoute(path, rest));
      // Of several that fit the host takes the first by its function's name, however general its template is.
      // https://github.com/Azure/azure-functions-nodejs-library/issues/300
      // https://github.com/Azure/azure-functions-host/issues/9876
      routes.sort((one, other) => (one.functionName.toLowerCase() < other.functionName.toLowerCase() ? -1 : 1));
    },
    handle: async (request) => {
      // The method is part of the route: the wrong one is answered 404, and GET does not imply HEAD.
      // https://github.com/Azure/azure-functions-host/issues/10098
      // https://github.com/Azure/azure-functions-host/issues/11625
      const found = routes
        .filter(({ methods }) => methods.includes(request.method))
        .map((route) => ({ route, params: route.match(request.path) }))
        .find(({ params }) => params !== undefined);
      if (found?.params === undefined) return { status: 404 };
      if (!mayPass(found.route, request)) return { status: 401 };
      try {
        const response = await invoker.invoke(found.route.functionName, {
          data: { http: toHttpData(request, found.params) },
          reason: "This function was programmatically called via the host APIs.",
        });
        return toAnswer(response);
      } catch {
        // The invoker has logged it; the caller learns nothing.
        return { status: 500 };
      }
    },
  };
}

function toHttpData(request: SeenRequest, params: Record<string, string>): HttpData {
  const headers = Object.entries(request.headers).map(([name, value]) => [name, String(value)]);
  // What comes as several headers, as cookies do over HTTP/2, reaches the worker as one, joined by a comma, whose meaning
  // in a cookie is none. https://datatracker.ietf.org/doc/html/rfc9113#section-8.2.3
  const { cookieLines = [] } = request;
  if (cookieLines.length > 1) headers.push(["cookie", cookieLines.join(",")]);
  // A parameter that comes twice reaches the app as one, joined by a comma.
  const query = [...new Set(request.query.keys())].map((name) => [name, request.query.getAll(name).join(",")]);
  return {
    url: requestUrl(request),
    method: request.method,
    headers: Object.fromEntries(headers),
    params,
    query: Object.fromEntries(query),
    ...(request.body.byteLength > 0 && { body: { bytes: request.body } }),
  };
}

/** The host believes the first X-Forwarded-Proto and DISGUISED-HOST, and no X-Forwarded-Host. */
function requestUrl({ headers, path, query }: SeenRequest): string {
  const scheme = String(headers["x-forwarded-proto"] ?? "http")
    .split(",")[0]
    ?.trim();
  const host = headers["disguised-host"] ?? headers.host;
  return `${scheme}://${host}${path}${query.size === 0 ? "" : `?${query}`}`;
}

function toAnswer({ returnValue }: InvocationResponse): Answer {
  const http = returnValue?.http;
  if (http === undefined) return { status: 204 };
  const cookies = (http.cookies ?? []).map(setCookieLine);
  const ownCookie = http.headers?.["set-cookie"];
  return {
    status: Number(http.statusCode),
    headers: {
      ...http.headers,
      ...(cookies.length > 0 && { "set-cookie": ownCookie === undefined ? cookies : [ownCookie, ...cookies] }),
    },
    body: Buffer.from(http.body?.bytes ?? http.body?.string ?? ""),
  };
}
