import type { PageContext, WebAnswer } from "./layout.ts";
import { mailboxRoutes } from "./mailbox-routes.ts";
import { matchPath, segmentsOf } from "./match-path.ts";
import { messageRoutes } from "./message-routes.ts";
import type { Session } from "./session/sessions.ts";
import { watchRoutes } from "./watch-routes.ts";
import type { WebApp } from "./web-app.ts";

/** A request for a page, of somebody who is signed in; for POST its form has proved to be ours. */
export interface Visit {
  readonly app: WebApp;
  readonly session: Session;
  readonly page: PageContext;
  /** A parameter of the path. */
  parameter(name: string): string;
  readonly query: URLSearchParams;
  /** Empty for GET. */
  readonly form: URLSearchParams;
}

/** A page, or what one of its buttons does. */
export interface PageRoute {
  readonly method: "GET" | "POST";
  /** Below /api/pages; a segment `:name` is a parameter. */
  readonly path: string;
  answer(visit: Visit): Promise<WebAnswer>;
}

/** Every page that needs a sign-in. The first one that fits answers. */
export const PAGE_ROUTES: readonly PageRoute[] = [...mailboxRoutes, ...watchRoutes, ...messageRoutes];

/** The route for a path, with the parameters in it. */
export function findPageRoute(
  method: string,
  path: string,
): { readonly route: PageRoute; readonly parameters: ReadonlyMap<string, string> } | undefined {
  const segments = segmentsOf(path);
  for (const route of PAGE_ROUTES) {
    const parameters = route.method === method ? matchPath(route.path, segments) : undefined;
    if (parameters !== undefined) return { route, parameters };
  }
  return undefined;
}
