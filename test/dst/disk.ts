import type { OpenAsBlobOptions } from "node:fs";
import path from "node:path";

/** Where the temporary files lie. All other places do not exist. */
export const DISK_FOLDER = "/simulated-disk";

/** What the product asks of node:fs and node:fs/promises. */
export interface DiskFunctions {
  open(file: string, flags?: string, mode?: number): Promise<DiskFile>;
  readdir(folder: string): Promise<string[]>;
  rm(file: string, options?: { readonly force?: boolean }): Promise<void>;
  openAsBlob(file: string, options?: OpenAsBlobOptions): Promise<Blob>;
}

export interface DiskFile {
  writeFile(bytes: Uint8Array): Promise<void>;
  read(buffer: Uint8Array, offset?: number, length?: number, position?: number | null): Promise<{ bytesRead: number }>;
  close(): Promise<void>;
}

export type DiskOperation = "open" | "write" | "read" | "close" | "scandir" | "unlink";

/** What the rest of the simulation has to do with an operation on the disk. */
export interface DiskHooks {
  /** Stands around each operation, as a scheduler does. */
  operate<T>(name: string, effect: () => Promise<T>): Promise<T>;
  /** The code of what goes wrong with it, such as ENOSPC; asked when it takes place. */
  fault(operation: DiskOperation): string | undefined;
}

export interface Disk extends DiskFunctions {
  /** The files that there are, for those who look on. */
  files(): readonly string[];
}

/** The folder for temporary files of the machine that all instances are on: a file outlives the process that made it. */
export function createDisk({ operate, fault }: DiskHooks): Disk {
  const files = new Map<string, { bytes: Buffer }>();
  const nameOf = (file: string) => path.basename(file);

  function perform<T>(operation: DiskOperation, file: string, effect: () => T): Promise<T> {
    return operate(`disk ${operation} ${nameOf(file)}`, async () => {
      const code = fault(operation);
      if (code !== undefined) throw diskError(code, operation, file);
      return effect();
    });
  }

  function existing(operation: DiskOperation, file: string) {
    const found = files.get(file);
    if (found === undefined) throw diskError("ENOENT", operation, file);
    return found;
  }

  /** A file that is removed while it is open keeps its bytes until it is closed. */
  function openFile(file: string, content: { bytes: Buffer }): DiskFile {
    let position = 0;
    let isClosed = false;
    const unlessClosed = (operation: DiskOperation) => {
      if (isClosed) throw diskError("EBADF", operation, file);
    };

    return {
      writeFile: (bytes) =>
        operate(`disk write ${nameOf(file)}`, async () => {
          unlessClosed("write");
          const code = fault("write");
          // A disk that is full takes what there is room for.
          const taken = code === undefined ? bytes : bytes.subarray(0, bytes.byteLength / 2);
          content.bytes = Buffer.concat([content.bytes, taken]);
          if (code !== undefined) throw diskError(code, "write", file);
        }),
      read: (buffer, offset = 0, length = buffer.byteLength - offset, from = null) =>
        perform("read", file, () => {
          unlessClosed("read");
          const start = from ?? position;
          const part = content.bytes.subarray(start, start + length);
          buffer.set(part, offset);
          if (from === null) position += part.byteLength;
          return { bytesRead: part.byteLength, buffer };
        }),
      close: async () => {
        if (isClosed) return;
        isClosed = true;
        await perform("close", file, () => {});
      },
    };
  }

  return {
    files: () => [...files.keys()].map(nameOf),
    open: (file, flags = "r") =>
      perform("open", file, () => {
        if (path.dirname(file) !== DISK_FOLDER) throw diskError("ENOENT", "open", file);
        if (flags === "r") return openFile(file, existing("open", file));
        if (files.has(file)) throw diskError("EEXIST", "open", file);
        const content = { bytes: Buffer.alloc(0) };
        files.set(file, content);
        return openFile(file, content);
      }),
    readdir: (folder) => perform("scandir", folder, () => [...files.keys()].map(nameOf)),
    rm: (file, { force = false } = {}) =>
      perform("unlink", file, () => {
        if (!force) existing("unlink", file);
        files.delete(file);
      }),
    openAsBlob: (file) => perform("open", file, () => new Blob([Uint8Array.from(existing("open", file).bytes)])),
  };
}

function diskError(code: string, syscall: DiskOperation, file: string): Error {
  return Object.assign(new Error(`${code}: simulated, ${syscall} '${file}'`), { code, syscall, path: file });
}
