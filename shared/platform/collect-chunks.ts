import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** So much may be read between two collections. One of the young objects alone takes about a millisecond. */
const COLLECT_AFTER_BYTES = 2 * 1024 * 1024;

type Collect = (options: NodeJS.GCOptions) => void;

/** What was read since the last collection. */
let bytes = 0;
let collect: Collect | undefined;

/**
 * Call it for each chunk of a message that nobody needs any more. Its buffer, and those of Node's own sockets behind it,
 * lie outside V8's heap, and V8 lets 64 MB of them pile up before it looks (kExternalAllocationSoftLimit in
 * https://github.com/v8/v8/blob/main/include/v8-internal.h). Here they are collected sooner.
 */
export function chunkIsGarbage({ byteLength }: Uint8Array): void {
  bytes += byteLength;
  if (bytes < COLLECT_AFTER_BYTES) return;
  bytes = 0;
  collect ??= collector();
  collect({ type: "minor" });
}

/** V8's own, whatever flags the host has started Node with. https://github.com/nodejs/node/issues/16595 */
function collector(): Collect {
  setFlagsFromString("--expose-gc");
  const found = runInNewContext("globalThis.gc") as Collect | undefined;
  // A Node that does not give it delivers all the same, with more memory.
  return found ?? (() => {});
}
