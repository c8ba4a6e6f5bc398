import { type Answer, json, type SeenRequest } from "../stand-in.ts";
import { badRequest } from "./graph-errors.ts";

const MAX_PARTS = 20;
/** Outlook works on so many parts of a batch at once, and each counts: https://learn.microsoft.com/graph/json-batching */
const PARTS_AT_ONCE = 4;

interface Part {
  readonly id: string;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly dependsOn: readonly string[];
}

/** `POST /$batch`: the parts run through `respond` as requests of their own; their answers come in another order. */
export async function answerBatch(
  request: SeenRequest,
  respond: (part: SeenRequest) => Promise<Answer>,
): Promise<Answer> {
  const parts = readParts(request);
  const takeSlot = createSlots(PARTS_AT_ONCE);
  const statuses = new Map<string, Promise<number>>();
  const responses: unknown[] = [];

  async function run(part: Part): Promise<number> {
    const before = await Promise.all(part.dependsOn.map((id) => statuses.get(id)));
    const answer = before.every((status) => status !== undefined && status < 400)
      ? await takeSlot(() => respond(asRequest(part, request)))
      : json(424, { error: { code: "FailedDependency", message: "Failed Dependency" } });
    responses.push(await partAnswer(part.id, answer));
    return answer.status;
  }

  for (const part of parts) statuses.set(part.id, run(part));
  await Promise.all(statuses.values());
  return json(200, { responses: responses.reverse() });
}

/** Runs at most `count` tasks at once; the others wait in their order. */
function createSlots(count: number) {
  let free = count;
  const waiting: (() => void)[] = [];
  return async function takeSlot<Result>(task: () => Promise<Result>): Promise<Result> {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}

function readParts(request: SeenRequest): Part[] {
  let content: { requests?: Partial<Part>[] };
  try {
    content = JSON.parse(request.body.toString()) as typeof content;
  } catch {
    throw badRequest("Invalid batch payload format.");
  }
  if (!Array.isArray(content.requests)) throw badRequest("Invalid batch payload format.");
  if (content.requests.length > MAX_PARTS) {
    throw badRequest(`Number of batch request steps exceeds the maximum value of ${MAX_PARTS}.`);
  }
  const known = new Set<string>();
  return content.requests.map(({ id, method, url, headers = {}, body, dependsOn = [] }) => {
    if (!id || !method || !url) throw badRequest("Invalid batch payload format.");
    if (known.has(id)) throw badRequest(`Request Id ${id} has to be unique in a batch.`);
    if (dependsOn.some((other) => !known.has(other))) throw badRequest(`Invalid dependsOn of request ${id}.`);
    if (body !== undefined && !Object.keys(headers).some((name) => name.toLowerCase() === "content-type")) {
      throw badRequest(`Write request id : ${id} does not contain Content-Type header or body.`);
    }
    known.add(id);
    return { id, method, url, headers, body, dependsOn };
  });
}

function asRequest(part: Part, outer: SeenRequest): SeenRequest {
  const url = new URL(`/v1.0/${part.url.replace(/^\//, "")}`, "https://graph.invalid");
  const headers = Object.fromEntries(Object.entries(part.headers).map(([name, value]) => [name.toLowerCase(), value]));
  const body = Buffer.from(part.body === undefined ? "" : JSON.stringify(part.body));
  return {
    at: Date.now(),
    method: part.method.toUpperCase(),
    path: url.pathname,
    query: url.searchParams,
    headers: { ...headers, authorization: outer.headers.authorization },
    body,
    form: new URLSearchParams(),
  };
}

async function partAnswer(id: string, { status, headers = {}, body = "" }: Answer): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  if (typeof body === "string" || Buffer.isBuffer(body)) chunks.push(Buffer.from(body as string));
  else for await (const chunk of body) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const isJson = String(headers["content-type"]).includes("application/json");
  const content: unknown = isJson ? JSON.parse(bytes.toString()) : bytes.toString("base64");
  return { id, status, headers: inGraphsSpelling(headers), ...(bytes.byteLength > 0 ? { body: content } : {}) };
}

/** Inside a batch names of headers are as Graph writes them, not as HTTP clients lower them: `Retry-After`. */
function inGraphsSpelling(headers: NonNullable<Answer["headers"]>): Answer["headers"] {
  const spelled = (name: string) => name.replace(/(?:^|-)[a-z]/g, (letter) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [spelled(name), value]));
}
