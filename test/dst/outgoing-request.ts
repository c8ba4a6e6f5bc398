import type { IncomingMessage, OutgoingHttpHeaders, RequestOptions } from "node:http";
import { Readable, Writable } from "node:stream";

/** What stands in for `request` of node:http: the request goes out whole, by this `fetch`, once it is ended. */
export function createRequestBy(fetch: typeof globalThis.fetch) {
  return (url: string | URL, { method = "GET", headers, signal }: RequestOptions): Writable => {
    const chunks: Uint8Array<ArrayBuffer>[] = [];
    const hungUp = new AbortController();
    const request: Writable & { protocol?: string } = new Writable({
      autoDestroy: false,
      ...(signal === undefined ? {} : { signal }),
      write: (chunk: Uint8Array, _, done) => {
        // A copy: whoever wrote it may use its memory again.
        chunks.push(Uint8Array.from(chunk));
        done();
      },
      final: (done) => {
        const body = new Blob(chunks);
        const promised = toHeaders(headers).get("content-length");
        if (promised !== null && Number(promised) !== body.size) {
          done(new Error(`${promised} bytes were promised, and ${body.size} came`));
          return;
        }
        const init = { method, headers: toHeaders(headers), body, signal: hungUp.signal };
        fetch(url, init).then(
          (response) => request.emit("response", toMessage(response)),
          (error: Error) => request.destroy((error.cause ?? error) as Error),
        );
        done();
      },
      destroy: (error, done) => {
        hungUp.abort(error);
        done(error);
      },
    });
    request.protocol = new URL(url).protocol;
    // As a connection that is kept alive: it stands already.
    process.nextTick(() => request.emit("socket", { connecting: false }));
    return request;
  };
}

function toHeaders(headers: RequestOptions["headers"] = {}): Headers {
  const given = Object.entries(headers as OutgoingHttpHeaders);
  return new Headers(given.map(([name, value]): [string, string] => [name, String(value)]));
}

function toMessage({ status, headers, body }: Response): Readable {
  const distinct = [...headers].map(([name, value]): [string, string[]] => [name, [value]]);
  const message: Partial<IncomingMessage> = {
    statusCode: status,
    headers: Object.fromEntries(headers),
    headersDistinct: Object.fromEntries(distinct),
  };
  return Object.assign(Readable.from(body ?? []), message);
}
