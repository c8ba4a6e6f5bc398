// The part of yazl that is used here; the package brings no types. https://www.npmjs.com/package/yazl
declare module "yazl" {
  import type { Readable } from "node:stream";

  interface BufferOptions {
    readonly mtime: Date;
    readonly mode: number;
    /** Leaves out the time stamp that depends on the time zone. */
    readonly forceDosTimestamp: boolean;
  }

  export class ZipFile {
    readonly outputStream: Readable;
    addBuffer(content: Buffer, path: string, options: BufferOptions): void;
    end(): void;
  }
}
