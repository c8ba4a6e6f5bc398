import { HttpResponse, type HttpResponseInit } from "@azure/functions";
import { chunkIsGarbage } from "../shared/platform/collect-chunks.ts";
import type { SizedBody } from "../shared/web/layout.ts";

/**
 * A file as an answer. The library sends no stream but its bytes in one piece, and reading that piece from a stream of
 * unknown length takes three times as much memory. https://github.com/Azure/azure-functions-nodejs-library/blob/v4.x/src/converters/toRpcHttp.ts
 */
export class DownloadResponse extends HttpResponse {
  override readonly arrayBuffer: () => Promise<ArrayBuffer>;

  constructor(init: HttpResponseInit, { size, stream }: SizedBody) {
    super({ ...init, body: stream });
    this.arrayBuffer = async () => {
      const bytes = new Uint8Array(size);
      let length = 0;
      for await (const chunk of stream) {
        bytes.set(chunk, length);
        length += chunk.byteLength;
        chunkIsGarbage(chunk);
      }
      return bytes.buffer;
    };
  }
}
