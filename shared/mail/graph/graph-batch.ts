import { GraphError } from "../message-source.ts";
import type { SendToGraph } from "./graph-client.ts";
import { graphFailure } from "./graph-failure.ts";

export interface BatchPart {
  readonly method: "PATCH" | "POST";
  /** Below /v1.0; already encoded. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

interface PartAnswer {
  readonly id?: string;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/**
 * Sends up to 20 requests as one: https://learn.microsoft.com/graph/json-batching#batch-size-limitations Each part is judged alone, by its own status: what was asked for is in the same place
 * as what was answered, `undefined` where it worked.
 * @throws {GraphError} where the batch as a whole failed: then nobody knows what became of its parts
 */
export async function sendBatch(
  send: SendToGraph,
  parts: readonly BatchPart[],
  now: () => Date,
): Promise<readonly (GraphError | undefined)[]> {
  const requests = parts.map(({ method, path, headers, body }, index) => ({
    id: String(index),
    method,
    url: path,
    headers: { ...headers, "Content-Type": "application/json" },
    body,
  }));
  const response = await send({
    method: "POST",
    path: "/$batch",
    body: { requests },
    kind: "batch",
    parts: parts.length,
  });
  const answers = await answersOf(response);
  // They come in any order.
  return parts.map((part, index) =>
    judge(
      part,
      answers.find(({ id }) => id === String(index)),
      now(),
    ),
  );
}

async function answersOf(response: Response): Promise<readonly PartAnswer[]> {
  try {
    const { responses } = (await response.json()) as { responses?: unknown };
    if (Array.isArray(responses)) return responses as PartAnswer[];
  } catch (error) {
    throw unreadable("a batch with something other than JSON", error);
  }
  throw unreadable("a batch without its answers");
}

function judge(part: BatchPart, answer: PartAnswer | undefined, now: Date): GraphError | undefined {
  if (answer?.status === undefined) return unreadable("a batch, but not each of its parts");
  const { status, headers = {}, body } = answer;
  if (status >= 200 && status < 300) return undefined;
  const header = (name: string) => Object.entries(headers).find(([other]) => other.toLowerCase() === name)?.[1];
  return graphFailure({ request: part, status, header, body, now });
}

function unreadable(what: string, cause?: unknown): GraphError {
  return new GraphError(
    "GRAPH_UNAVAILABLE",
    `Graph answered ${what}; it is asked again later`,
    { status: 200, graphCode: undefined, requestId: undefined, retryAfterMs: undefined },
    cause === undefined ? {} : { cause },
  );
}
