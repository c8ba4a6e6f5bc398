import { randomBytes, randomUUID } from "node:crypto";
import type {
  CoreInvocationContext,
  FunctionsCore,
  HookName,
  InvocationResponse,
  LogLevel,
  LogSource,
  RegisteredFunction,
  TypedData,
} from "./functions-core.ts";

/** One run of a function that has ended. */
export interface Invocation {
  readonly name: string;
  readonly ok: boolean;
  readonly error: unknown;
  /** Simulated ms since 1970, when it started. */
  readonly at: number;
}

export interface LogLine {
  readonly level: LogLevel;
  readonly category: string;
  readonly message: string;
}

export interface Invoker {
  readonly invocations: Invocation[];
  /** Runs a function with its hooks and writes its outputs; rejects with the error of whichever failed. */
  invoke(name: string, trigger: TriggerEvent): Promise<InvocationResponse>;
  /** Runs the hooks of the app's start or end. */
  runAppHooks(name: "appStart" | "appTerminate"): Promise<void>;
  /** Resolves when nothing runs any more. */
  idle(): Promise<void>;
}

/** What set a function off. */
interface TriggerEvent {
  readonly data: TypedData;
  readonly triggerMetadata?: Readonly<Record<string, TypedData>>;
  /** For the log, as the host words it. */
  readonly reason: string;
  readonly details?: string;
}

interface InvokerDeps {
  readonly core: FunctionsCore;
  readonly appFolder: string;
  log(line: LogLine): void;
  writeOutputs(registered: RegisteredFunction, response: InvocationResponse): Promise<void>;
}

/**
 * Runs functions as the worker does, hooks included: the library leaves those to it.
 * https://github.com/Azure/azure-functions-nodejs-worker/blob/0b39a9bec2f694fdcc9b191889927c4007c00aee/src/eventHandlers/InvocationHandler.ts
 */
export function createInvoker({ core, appFolder, log, writeOutputs }: InvokerDeps): Invoker {
  const invocations: Invocation[] = [];
  const running = new Set<Promise<unknown>>();
  const appHookData = {};

  async function runHooks(name: HookName, context: object): Promise<void> {
    for (const callback of core.hooks[name]) await callback(context);
  }

  async function callFunction(registered: RegisteredFunction, invocationId: string, trigger: TriggerEvent) {
    const { metadata } = registered;
    const model = core.programmingModel;
    if (model === undefined) throw new Error("No programming model is set");
    const coreContext = createCoreContext(registered, invocationId, trigger, createFunctionLog(metadata.name));
    const invocationModel = await model.getInvocationModel(coreContext);
    const { context, inputs } = await invocationModel.getArguments();
    coreContext.invocationContext = context;
    const shared = { hookData: {}, appHookData, invocationContext: context };

    // Hooks may replace the function and its inputs, and afterwards its result and its error.
    const before = { ...shared, functionCallback: registered.callback, inputs };
    coreContext.state = "preInvocationHooks";
    await runHooks("preInvocation", before);

    const after: { result: unknown; error: unknown } & typeof shared & { inputs: unknown[] } = {
      ...shared,
      inputs: before.inputs,
      result: null,
      error: null,
    };
    coreContext.state = "invocation";
    try {
      after.result = await invocationModel.invokeFunction(context, before.inputs, before.functionCallback);
    } catch (error) {
      after.error = error ?? new Error("Unknown error");
    }
    coreContext.state = "postInvocationHooks";
    await runHooks("postInvocation", after);
    coreContext.state = undefined;
    if (after.error !== null && after.error !== undefined) throw after.error;

    const response = await invocationModel.getResponse(context, after.result);
    await writeOutputs(registered, response);
    return response;
  }

  /** The log of one invocation: log hooks see each line and may change its level and text. */
  function createFunctionLog(name: string) {
    return (level: LogLevel, source: LogSource, message: string, invocationContext: object | undefined) => {
      const line = { level, message, category: source, invocationContext, hookData: {}, appHookData };
      for (const callback of core.hooks.log) callback(line);
      log({
        level: line.level,
        category: source === "user" ? `Function.${name}.User` : `Function.${name}`,
        message: line.message,
      });
    };
  }

  async function invoke(name: string, trigger: TriggerEvent): Promise<InvocationResponse> {
    const registered = core.functions.get(name);
    if (registered === undefined) throw new Error(`Function code for '${name}' is not loaded and cannot be invoked.`);
    const invocationId = randomUUID();
    const category = `Function.${name}`;
    const at = Date.now();
    const started = performance.now();
    const outcome = (word: string) =>
      `Executed 'Functions.${name}' (${word}, Id=${invocationId}, Duration=${Math.round(performance.now() - started)}ms)`;

    const message = `Executing 'Functions.${name}' (Reason='${trigger.reason}', Id=${invocationId})`;
    log({ level: "information", category, message });
    if (trigger.details) log({ level: "information", category, message: `Trigger Details: ${trigger.details}` });
    try {
      const response = await callFunction(registered, invocationId, trigger);
      invocations.push({ name, ok: true, error: undefined, at });
      log({ level: "information", category, message: outcome("Succeeded") });
      return response;
    } catch (error) {
      invocations.push({ name, ok: false, error, at });
      log({ level: "error", category, message: `${outcome("Failed")} ${describeFailure(error)}` });
      throw error;
    }
  }

  return {
    invocations,
    invoke: (name, trigger) => {
      const run = invoke(name, trigger);
      const ended = run.catch(() => undefined).finally(() => running.delete(ended));
      running.add(ended);
      return run;
    },
    runAppHooks: (name) => {
      const context = { hookData: {}, appHookData };
      return runHooks(name, name === "appStart" ? { ...context, functionAppDirectory: appFolder } : context);
    },
    idle: async () => {
      while (running.size > 0) await Promise.all(running);
    },
  };
}

type FunctionLog = (level: LogLevel, source: LogSource, message: string, invocationContext: object | undefined) => void;

function createCoreContext(
  { metadata }: RegisteredFunction,
  invocationId: string,
  { data, triggerMetadata = {} }: TriggerEvent,
  log: FunctionLog,
): CoreInvocationContext & { invocationContext: object | undefined } {
  const trigger = triggerOf(metadata.bindings);
  const context = {
    invocationId,
    metadata,
    state: undefined,
    invocationContext: undefined as object | undefined,
    request: {
      invocationId,
      functionId: metadata.name,
      inputData: [{ name: trigger.name, data }],
      triggerMetadata,
      traceContext: {
        // Its last part is the host's own choice of what to sample, which may be no.
        traceParent: `00-${randomBytes(16).toString("hex")}-${randomBytes(8).toString("hex")}-00`,
        traceState: "",
        attributes: {},
      },
    },
    log: (level: LogLevel, source: LogSource, message: string) =>
      log(level, source, message, context.invocationContext),
  };
  return context;
}

/** The binding that starts a function. */
export function triggerOf(bindings: RegisteredFunction["metadata"]["bindings"]) {
  const found = Object.entries(bindings).find(([, { type }]) => /trigger$/i.test(type));
  if (found === undefined) throw new Error("The function has no trigger");
  const [name, binding] = found;
  return { name, binding, type: binding.type.toLowerCase() };
}

function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return `Result: Failure\nException: ${String(error)}`;
  return `Result: Failure\nException: ${error.message}\nStack: ${error.stack}`;
}
