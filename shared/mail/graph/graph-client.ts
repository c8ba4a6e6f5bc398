import { finished } from "node:stream";
import {
  Client,
  type Context,
  type Middleware,
  type MiddlewareOptions,
  ResponseType,
} from "@microsoft/microsoft-graph-client";
import { AppError } from "../../platform/errors.ts";
import { type Outgoing, unwatched } from "../../telemetry/outgoing.ts";
import { graphRoute } from "../../telemetry/routes.ts";
import { GraphError } from "../message-source.ts";
import { graphFailure } from "./graph-failure.ts";
import { createRequestBudget, type RequestBudget, type RequestKind } from "./request-budget.ts";

/** Until the head of an answer is there. */
const HEAD_TIMEOUT_MS = 60_000;
/** Until the last byte of a message is there. */
const BODY_TIMEOUT_MS = 5 * 60_000;

/** Gives an access token; `rejected` is one that Graph just refused, so that it is not given again. */
export type AccessTokenFor = (mailboxId: string, rejected?: RejectedToken) => Promise<string>;

interface RejectedToken {
  readonly value: string;
  /** What the next token must prove, as JSON, where Graph says so. */
  readonly claims: string | undefined;
}

interface GraphRequest {
  readonly method: "GET" | "POST" | "PATCH";
  /** Below /v1.0, such as `/users/help%40example.com/messages`; already encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** What it is to the budget of the run; `other` by default. */
  readonly kind?: RequestKind;
  /** How many requests Graph counts it as, where it is a batch. */
  readonly parts?: number;
}

/** Sends requests to Graph for one mailbox. Gives the answer where it is 2xx; everything else throws `GraphError`. */
export type SendToGraph = (request: GraphRequest) => Promise<Response>;

export interface GraphClientOptions {
  /** Such as https://graph.microsoft.com. No token ever goes to another origin. */
  readonly graphUrl: string;
  readonly now: () => Date;
  readonly outgoing?: Outgoing;
}

const VERSION = "v1.0";

/**
 * Graph through Microsoft's client, with a middleware chain of our own: its retry handler cuts long Retry-After values,
 * and its text handling destroys 8-bit mail, so both are left out. https://github.com/microsoftgraph/msgraph-sdk-javascript
 */
export function createGraphClient({ graphUrl, now, outgoing = unwatched }: GraphClientOptions) {
  return function graphFor(
    mailboxId: string,
    accessTokenFor: AccessTokenFor,
    budget: RequestBudget = createRequestBudget({ now }),
  ): SendToGraph {
    const client = Client.initWithMiddleware({
      baseUrl: graphUrl,
      defaultVersion: VERSION,
      middleware: authenticate(
        graphUrl,
        mailboxId,
        accessTokenFor,
        withinBudget(budget, transport(mailboxId, outgoing)),
      ),
    });

    return async ({ method, path, headers = {}, body, kind = "other", parts = 1 }) => {
      let response: Response;
      const failure = new Failure();
      try {
        const request = client
          .api(path)
          .responseType(ResponseType.RAW)
          .headers({ ...headers })
          .middlewareOptions([failure, new Cost(kind, parts)]);
        response = await (method === "GET"
          ? request.get()
          : method === "POST"
            ? request.post(body)
            : request.patch(body));
      } catch (error) {
        const original = failure.error ?? error;
        if (original instanceof AppError) throw original;
        throw new GraphError(
          "GRAPH_UNAVAILABLE",
          "Graph gave no answer",
          { status: undefined, graphCode: undefined, requestId: undefined, retryAfterMs: undefined },
          { cause: original },
        );
      }
      if (response.ok) return response;
      const error = graphFailure({
        request: { method, path },
        status: response.status,
        header: (name) => response.headers.get(name),
        body: await jsonOf(response),
        now: now(),
      });
      if (error.code === "GRAPH_THROTTLED") budget.stop(error);
      throw error;
    };
  };
}

/**
 * Turns a link that Graph sent, or that was stored, into a path for the client.
 * @throws {AppError} BAD_LINK where it leads anywhere but to the mail of the configured Graph
 */
export function pathOfLink(graphUrl: string, link: string): string {
  const url = URL.canParse(link) ? new URL(link) : undefined;
  const prefix = `/${VERSION}`;
  // Graph writes users/ID or users('ID').
  const isMail = url !== undefined && /^\/users[/(]/i.test(url.pathname.slice(prefix.length));
  if (url === undefined || url.origin !== new URL(graphUrl).origin || !url.pathname.startsWith(prefix) || !isMail) {
    throw new AppError(
      "BAD_LINK",
      `A stored link does not lead to ${graphUrl}/${VERSION}/users; no token is sent there`,
    );
  }
  return url.pathname.slice(prefix.length) + url.search;
}

/** Carries out what the chain threw: the client itself keeps only the message of it. */
class Failure implements MiddlewareOptions {
  error: unknown;
}

/** Carries into the chain what the request is to the budget. */
class Cost implements MiddlewareOptions {
  readonly kind: RequestKind;
  readonly parts: number;

  constructor(kind: RequestKind, parts: number) {
    this.kind = kind;
    this.parts = parts;
  }
}

/** Sends within the budget. A request is over when the last byte of its answer is there, or nobody wants it any more. */
function withinBudget(budget: RequestBudget, next: Middleware): Middleware {
  return {
    async execute(context) {
      const cost = context.middlewareControl?.getMiddlewareOptions(Cost) as Cost | undefined;
      const leave = await budget.enter(cost?.kind ?? "other", cost?.parts ?? 1);
      try {
        await next.execute(context);
      } catch (error) {
        leave();
        throw error;
      }
      const body = context.response?.body;
      // Node takes streams of the web here, too; its types do not say so. https://nodejs.org/api/stream.html#streamfinishedstream-options-callback
      if (body) finished(body as unknown as NodeJS.ReadableStream, leave);
      else leave();
    },
  };
}

/** Adds the token, to the configured origin alone; after a 401 once more with a new one. */
function authenticate(
  graphUrl: string,
  mailboxId: string,
  accessTokenFor: AccessTokenFor,
  next: Middleware,
): Middleware {
  const { origin } = new URL(graphUrl);

  async function send(context: Context, token: string): Promise<void> {
    const headers = { ...(context.options?.headers as Record<string, string>), Authorization: `Bearer ${token}` };
    context.options = { ...context.options, headers };
    await next.execute(context);
  }

  async function sendWithToken(context: Context): Promise<void> {
    // Law 9: whatever link led here, the token goes to the configured Graph alone.
    const target = new URL(urlOf(context)).origin;
    if (target !== origin) {
      throw new AppError(
        "BAD_LINK",
        `A request was about to go to ${target} instead of ${origin}; no token is sent there`,
      );
    }
    const token = await accessTokenFor(mailboxId);
    await send(context, token);
    if (context.response?.status !== 401) return;
    const claims = claimsIn(context.response.headers.get("www-authenticate"));
    await context.response.body?.cancel();
    await send(context, await accessTokenFor(mailboxId, { value: token, claims }));
  }

  return {
    async execute(context) {
      try {
        await sendWithToken(context);
      } catch (error) {
        const failure = context.middlewareControl?.getMiddlewareOptions(Failure) as Failure | undefined;
        if (failure !== undefined) failure.error = error;
        throw error;
      }
    },
  };
}

/**
 * The claims that a challenge asks for: base64 in WWW-Authenticate, which may hold several challenges.
 * https://learn.microsoft.com/entra/identity-platform/claims-challenge
 */
function claimsIn(header: string | null): string | undefined {
  if (header === null || !/\berror="insufficient_claims"/.test(header)) return undefined;
  const encoded = /\bclaims="([^"]+)"/.exec(header)?.[1];
  if (encoded === undefined) return undefined;
  const claims = Buffer.from(encoded, "base64").toString("utf8");
  try {
    JSON.parse(claims);
    return claims;
  } catch {
    // Unreadable: a new token is asked for without them, and if Graph still refuses it, the mailbox says so.
    return undefined;
  }
}

function urlOf({ request }: Context): string {
  return typeof request === "string" ? request : request.url;
}

function transport(mailboxId: string, outgoing: Outgoing): Middleware {
  return {
    async execute(context) {
      const head = new AbortController();
      const timer = setTimeout(
        () => head.abort(new Error(`no answer within ${HEAD_TIMEOUT_MS / 1_000} s`)),
        HEAD_TIMEOUT_MS,
      );
      try {
        // Law 10: Graph may take so long, and no longer.
        const signal = AbortSignal.any([head.signal, AbortSignal.timeout(BODY_TIMEOUT_MS)]);
        const url = urlOf(context);
        const call = {
          service: "graph",
          method: context.options?.method ?? "GET",
          route: graphRoute(url),
          mailboxId,
        } as const;
        context.response = await outgoing(call, () =>
          fetch(url, { ...context.options, signal, redirect: "error" } as RequestInit),
        );
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

async function jsonOf(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    // An empty or HTML body, as with some 502, 503 and 504: the status tells enough.
    return undefined;
  }
}
