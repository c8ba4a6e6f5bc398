import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import { chunkIsGarbage } from "../platform/collect-chunks.ts";

/** So much goes out at once: what a slow line takes in a moment. */
const PIECE_BYTES = 64 * 1024;
/** Until the connection stands; before that, nothing can have arrived. */
const CONNECT_TIMEOUT_MS = 10_000;

export interface SendBlobOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Blob;
  readonly signal: AbortSignal;
  /** Called before each piece of the body goes out; the piece waits for it. */
  readonly onProgress: () => Promise<void>;
}

/** What came back; the body is still on its way. */
export interface BlobAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: AsyncIterable<Uint8Array>;
}

/**
 * POSTs a blob as fast as the other side reads, and follows no redirect. `fetch` would read ahead without end: three
 * messages of 150 MB took 450 MB of memory, however the body was given to it.
 */
export async function sendBlob({ url, body, signal, onProgress, headers: sent }: SendBlobOptions): Promise<BlobAnswer> {
  const { request } = url.startsWith("https:") ? https : http;
  const outgoing = request(url, { method: "POST", headers: { ...sent, "content-length": body.size }, signal });
  // Once there is an answer, whoever reads it learns of a broken connection; without a listener it would end the process.
  outgoing.on("error", () => {});
  giveUpConnecting(outgoing);
  const answered = once(outgoing, "response") as Promise<[http.IncomingMessage]>;
  // What goes wrong here reaches `answered`, unless the desk has answered already without reading to the end.
  write(body, outgoing, onProgress).catch((error: Error) => outgoing.destroy(error));
  const [response] = await answered;
  const headers = new Headers();
  for (const [name, value] of Object.entries(response.headersDistinct)) headers.set(name, value?.join(", ") ?? "");
  return { status: response.statusCode ?? 0, headers, body: response };
}

async function write(body: Blob, outgoing: http.ClientRequest, onProgress: () => Promise<void>): Promise<void> {
  for await (const chunk of body.stream()) {
    // What lies in memory comes as one chunk, however large it is.
    for (let start = 0; start < chunk.byteLength; start += PIECE_BYTES) {
      await onProgress();
      const written = await new Promise<Error | null | undefined>((resolve) => {
        outgoing.write(chunk.subarray(start, start + PIECE_BYTES), resolve);
      });
      if (written) return;
    }
    chunkIsGarbage(chunk);
  }
  outgoing.end();
}

function giveUpConnecting(outgoing: http.ClientRequest): void {
  const timer = setTimeout(() => {
    const error = new Error(`no connection within ${CONNECT_TIMEOUT_MS / 1_000} s`);
    outgoing.destroy(Object.assign(error, { code: "CONNECT_TIMEOUT" }));
  }, CONNECT_TIMEOUT_MS);
  const stop = () => clearTimeout(timer);
  outgoing.once("close", stop).once("socket", (socket) => {
    if (!socket.connecting) stop();
    else socket.once(outgoing.protocol === "https:" ? "secureConnect" : "connect", stop);
  });
}
