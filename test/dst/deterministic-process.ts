import crypto from "node:crypto";
import fs from "node:fs";
import fsPromises from "node:fs/promises";
import http from "node:http";
import { syncBuiltinESMExports } from "node:module";
import timers from "node:timers/promises";
import type { DiskFunctions } from "./disk.ts";
import type { Draws } from "./draws.ts";
import { createRequestBy } from "./outgoing-request.ts";
import type { VirtualTime } from "./virtual-time.ts";

export interface DeterministicProcessOptions {
  readonly time: VirtualTime;
  readonly draws: Draws;
  readonly fetch: typeof globalThis.fetch;
  readonly disk: DiskFunctions;
}

/**
 * Takes from this process everything that differs from one run to the next: the clock, timers, chance, network and disk.
 * @returns gives it all back
 */
export function makeDeterministic({ time, draws, fetch, disk }: DeterministicProcessOptions): () => void {
  const RealDate = globalThis.Date;
  const globals = {
    fetch: globalThis.fetch,
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    Date: RealDate,
  };
  const real = {
    bytes: crypto.randomBytes,
    uuid: crypto.randomUUID,
    number: Math.random,
    sleep: timers.setTimeout,
    limit: AbortSignal.timeout,
    request: http.request,
    files: { open: fsPromises.open, readdir: fsPromises.readdir, rm: fsPromises.rm },
    openAsBlob: fs.openAsBlob,
  };

  const bytes = (size: number) => Buffer.from(Array.from({ length: size }, () => draws.between(0, 255)));
  const setTimer = (callback: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
    time.setTimer(() => callback(...args), ms);

  function limit(ms: number): AbortSignal {
    const controller = new AbortController();
    const reason = Object.assign(new Error("The operation timed out"), { name: "TimeoutError" });
    time.setTimer(() => controller.abort(reason), ms);
    return controller.signal;
  }

  Object.assign(globalThis, {
    fetch,
    setTimeout: setTimer,
    clearTimeout: (id: number | undefined) => id !== undefined && time.clearTimer(id),
    Date: new Proxy(RealDate, {
      construct: (target, args, newTarget) =>
        Reflect.construct(target, args.length === 0 ? [time.now()] : args, newTarget),
      get: (target, key, receiver) => (key === "now" ? time.now : Reflect.get(target, key, receiver)),
    }),
  });
  Object.assign(AbortSignal, { timeout: limit });
  Object.assign(Math, { random: draws.number });
  Object.assign(timers, { setTimeout: (ms: number) => new Promise<void>((resolve) => time.setTimer(resolve, ms)) });
  Object.assign(crypto, { randomBytes: bytes, randomUUID: () => uuidOf(bytes(16)) });
  Object.assign(http, { request: createRequestBy(fetch) });
  Object.assign(fsPromises, { open: disk.open, readdir: disk.readdir, rm: disk.rm });
  Object.assign(fs, { openAsBlob: disk.openAsBlob });
  // What others have imported by name follows: https://nodejs.org/api/module.html#modulesyncbuiltinesmexports
  syncBuiltinESMExports();

  return () => {
    Object.assign(globalThis, globals);
    Object.assign(AbortSignal, { timeout: real.limit });
    Object.assign(Math, { random: real.number });
    Object.assign(timers, { setTimeout: real.sleep });
    Object.assign(crypto, { randomBytes: real.bytes, randomUUID: real.uuid });
    Object.assign(http, { request: real.request });
    Object.assign(fsPromises, real.files);
    Object.assign(fs, { openAsBlob: real.openAsBlob });
    syncBuiltinESMExports();
  };
}

function uuidOf(bytes: Buffer): string {
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
