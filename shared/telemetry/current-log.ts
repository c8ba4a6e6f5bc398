import { AsyncLocalStorage } from "node:async_hooks";
import type { Log } from "./log.ts";

const logs = new AsyncLocalStorage<Log>();

/** Runs something whose events belong to this log: each invocation of a function has its own. */
export function withLog<T>(log: Log, run: () => T): T {
  return logs.run(log, run);
}

/** Writes to the log of the invocation under way. What is built once per process logs through this. */
export const currentLog: Log = {
  info: (event, fields) => logs.getStore()?.info(event, fields),
  warn: (event, fields) => logs.getStore()?.warn(event, fields),
  error: (event, fields) => logs.getStore()?.error(event, fields),
};
