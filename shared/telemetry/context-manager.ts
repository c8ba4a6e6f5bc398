import { AsyncLocalStorage } from "node:async_hooks";
import { type Context, type ContextManager, ROOT_CONTEXT } from "@opentelemetry/api";

/** Carries the span under way across awaits, on Node's own means. */
export function createContextManager(): ContextManager {
  const contexts = new AsyncLocalStorage<Context>();
  const manager: ContextManager = {
    active: () => contexts.getStore() ?? ROOT_CONTEXT,
    with: (context, work, thisArg, ...args) => contexts.run(context, () => work.call(thisArg, ...args)),
    // Only ever asked for functions; whatever else is given has nothing to carry.
    bind: (context, target) =>
      typeof target === "function"
        ? (((...args: unknown[]) => contexts.run(context, () => target(...args))) as typeof target)
        : target,
    enable: () => manager,
    disable: () => {
      contexts.disable();
      return manager;
    },
  };
  return manager;
}
