import { z } from "zod";
import { AppError } from "../../platform/errors.ts";
import type { WebAnswer } from "../layout.ts";
import type { WebApp } from "../web-app.ts";

/** Each right is a function of its own, and so has keys of its own: one for monitoring cannot remove a mailbox. */
export type ApiRight = "read" | "write" | "invite" | "remove";

/** A request whose path, query and body are checked. */
interface ApiCall<Query, Body> {
  readonly app: WebApp;
  /** Of the mailbox in the path; "" where there is none. */
  readonly id: string;
  /** Of the message in the path; "" where there is none. */
  readonly key: string;
  readonly query: Query;
  readonly body: Body;
}

/** A line of the API: who may, what for, with what, and what comes back. */
interface ApiLine<Query, Body> {
  readonly right: ApiRight;
  readonly method: "GET" | "POST" | "DELETE";
  /** Below /api; a segment `:name` is a parameter. */
  readonly path: string;
  readonly summary: string;
  readonly query?: z.ZodType<Query>;
  /** Without one, a body is not read. */
  readonly body?: z.ZodType<Body>;
  /** What a status below 400, or one of this line alone, stands for. */
  readonly answers: Readonly<Record<number, string>>;
  /** The name that takes its place. */
  readonly replacedBy?: string;
  answer(call: ApiCall<Query, Body>): Promise<WebAnswer>;
}

/** What comes from outside before it is checked. */
interface ApiRequest {
  readonly app: WebApp;
  readonly query: URLSearchParams;
  /** Reads the body as JSON. */
  json(): Promise<unknown>;
}

export interface ApiRoute extends Omit<ApiLine<unknown, unknown>, "answer"> {
  /** @throws {AppError} INPUT_INVALID naming everything that is wrong */
  serve(request: ApiRequest, parameters: ReadonlyMap<string, string>): Promise<WebAnswer>;
}

/** Puts a line into the table. */
export function apiRoute<Query = unknown, Body = unknown>(line: ApiLine<Query, Body>): ApiRoute {
  const { answer, query = z.unknown() as z.ZodType<Query>, body } = line;
  return {
    ...line,
    async serve({ app, ...request }, parameters) {
      const [id = "", key = ""] = [parameters.get("id"), parameters.get("key")];
      const asked = checked(Object.fromEntries(request.query), query);
      const sent = body === undefined ? (undefined as Body) : checked(await request.json(), body);
      return answer({ app, id, key, query: asked, body: sent });
    },
  };
}

function checked<T>(input: unknown, schema: z.ZodType<T>): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const faults = result.error.issues.map(({ path, message }) => `${path.join(".") || "the request"} ${message}`);
  throw new AppError("INPUT_INVALID", `Nothing was done: ${faults.join("; ")}`);
}
