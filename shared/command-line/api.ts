import { isLoopback } from "../platform/base-url.ts";
import { messageOf } from "../platform/errors.ts";
import { UsageError } from "./usage-error.ts";

/** Azure cuts a request off after 230 seconds. */
const ANSWER_LIMIT_MS = 240_000;

/** Deskpost answered no, and why. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Nobody answered, or somebody other than Deskpost. */
export class UnreachableError extends Error {
  override readonly name = "UnreachableError";
}

/** The JSON API of a Deskpost, deployed or local. */
export interface Api {
  readonly origin: string;
  get<T>(path: string): Promise<T>;
  post<T>(path: string, body?: object): Promise<T>;
  delete<T>(path: string): Promise<T>;
  download(path: string): Promise<Uint8Array>;
}

interface ApiOptions {
  /** With or without /api. */
  readonly url: string;
  readonly key: string | undefined;
}

/** @throws {UsageError} where the key would travel in the open */
export function createApi({ url, key }: ApiOptions): Api {
  const base = URL.canParse(url) ? new URL(url) : undefined;
  if (base === undefined) throw new UsageError(`"${url}" is not a URL; put for instance https://deskpost.example.com`);
  if (base.protocol !== "https:" && !(base.protocol === "http:" && isLoopback(base)))
    throw new UsageError(`${url} is not https: the key, and what is answered, would travel in the open`);

  async function ask(method: string, path: string, body?: object): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(`${base?.origin}/api/${path}`, {
        method,
        headers: { accept: "application/json", ...(key !== undefined && { "x-functions-key": key }) },
        ...(body && { body: JSON.stringify(body) }),
        // A redirect could carry the key elsewhere.
        redirect: "error",
        signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
      });
    } catch (error) {
      throw new UnreachableError(`${base?.origin} does not answer: ${messageOf(error)}`);
    }
    if (response.ok) return response;
    throw await refusalOf(response);
  }

  async function refusalOf(response: Response): Promise<Error> {
    const { code, message } = jsonIn(await response.text()) ?? {};
    if (typeof code === "string" && typeof message === "string") return new RefusedError(code, message);
    if (response.status === 401 || response.status === 403)
      return new RefusedError(
        "KEY_REFUSED",
        "The key is missing, wrong, or of a function that may not do this: set DESKPOST_KEY, or give --key",
      );
    if (response.status === 404)
      return new RefusedError("NO_ROUTE", "There is nothing at that address: is this Deskpost older than the command?");
    return new UnreachableError(`${base?.origin} answers with HTTP ${response.status}, and not as Deskpost does`);
  }

  async function json<T>(response: Response): Promise<T> {
    const found = jsonIn(await response.text());
    if (found === undefined) throw new UnreachableError(`${base?.origin} answers, but is not Deskpost`);
    return found as T;
  }

  return {
    origin: base.origin,
    get: async <T>(path: string) => json<T>(await ask("GET", path)),
    post: async <T>(path: string, body: object = {}) => json<T>(await ask("POST", path, body)),
    delete: async <T>(path: string) => json<T>(await ask("DELETE", path)),
    download: async (path) => new Uint8Array(await (await ask("GET", path)).arrayBuffer()),
  };
}

function jsonIn(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
