import { registerHooks } from "node:module";

// The module `@azure/functions-core` exists only inside the Functions worker, which supplies it to the library
// `@azure/functions`. These are the parts of its types that a host of functions in TypeScript needs:
// https://www.npmjs.com/package/@azure/functions-core

/** A value on its way between host and worker. One of the fields is set. */
export interface TypedData {
  string?: string;
  json?: string;
  bytes?: Uint8Array;
  int?: number;
  double?: number;
  http?: HttpData;
}

export interface HttpData {
  url?: string;
  method?: string;
  headers?: Record<string, string>;
  params?: Record<string, string>;
  query?: Record<string, string>;
  body?: TypedData | null;
  statusCode?: string;
  cookies?: HttpCookie[];
}

export interface HttpCookie {
  name: string;
  value: string;
  domain?: { value: string };
  path?: { value: string };
  expires?: { value: { seconds: number } };
  secure?: { value: boolean };
  httpOnly?: { value: boolean };
  /** `none` means that the app said nothing; `explicitNone` is SameSite=None. */
  sameSite?: "none" | "lax" | "strict" | "explicitNone";
  maxAge?: { value: number };
}

/** A trigger, an input or an output of a function, with the options that belong to its type. */
export interface Binding {
  readonly type: string;
  readonly direction: "in" | "out";
  readonly [option: string]: unknown;
}

export interface FunctionMetadata {
  readonly name: string;
  readonly bindings: Readonly<Record<string, Binding>>;
  readonly retryOptions?: unknown;
}

type FunctionCallback = (...args: unknown[]) => unknown;

export interface RegisteredFunction {
  readonly metadata: FunctionMetadata;
  readonly callback: FunctionCallback;
}

export interface InvocationResponse {
  readonly outputData?: readonly { name: string; data: TypedData }[];
  readonly returnValue?: TypedData | null;
}

interface InvocationModel {
  getArguments(): Promise<{ context: object; inputs: unknown[] }>;
  invokeFunction(context: object, inputs: unknown[], callback: FunctionCallback): Promise<unknown>;
  getResponse(context: object, result: unknown): Promise<InvocationResponse>;
}

interface ProgrammingModel {
  readonly name: string;
  readonly version: string;
  getCapabilities(workerCapabilities: Record<string, string>): Promise<Record<string, string>>;
  getInvocationModel(context: CoreInvocationContext): Promise<InvocationModel> | InvocationModel;
}

export type LogLevel = "trace" | "debug" | "information" | "warning" | "error" | "critical" | "none";
/** Who speaks: the app, or library and worker. */
export type LogSource = "user" | "system" | "customMetric";

export interface CoreInvocationContext {
  readonly invocationId: string;
  readonly metadata: FunctionMetadata;
  readonly request: {
    readonly invocationId: string;
    readonly functionId: string;
    readonly inputData: readonly { name: string; data: TypedData }[];
    readonly triggerMetadata: Readonly<Record<string, TypedData>>;
    readonly traceContext: { traceParent: string; traceState: string; attributes: Record<string, string> };
  };
  state: "preInvocationHooks" | "invocation" | "postInvocationHooks" | undefined;
  log(level: LogLevel, source: LogSource, message: string): void;
}

export type HookName = "appStart" | "appTerminate" | "preInvocation" | "postInvocation" | "log";
type HookCallback = (context: object) => unknown;
export type Hooks = Readonly<Record<HookName, HookCallback[]>>;

/** What an app has told the host while it was loaded. */
export interface FunctionsCore {
  readonly functions: ReadonlyMap<string, RegisteredFunction>;
  readonly hooks: Hooks;
  readonly programmingModel: ProgrammingModel | undefined;
  /** From now on no function can be registered. */
  finishStartup(): void;
}

// The library keeps the first core object that it gets for as long as the process lives.
let supplied = false;

/** Supplies `@azure/functions-core` to whatever is loaded from now on. Possible once in a process. */
export function supplyFunctionsCore(log: (level: LogLevel, source: LogSource, message: string) => void): FunctionsCore {
  if (supplied) {
    throw new Error(
      "This process has run a Functions host already, and @azure/functions binds to the first one for good. " +
        "Start each further host in a process of its own, for instance in a test file of its own.",
    );
  }
  supplied = true;

  const functions = new Map<string, RegisteredFunction>();
  const hooks: Hooks = { appStart: [], appTerminate: [], preInvocation: [], postInvocation: [], log: [] };
  let programmingModel: ProgrammingModel | undefined;
  let startupFinished = false;

  // https://github.com/Azure/azure-functions-nodejs-worker/blob/011cc881ad4749f2c91995115a824029b879636d/src/coreApi/registerFunction.ts
  function registerFunction(metadata: FunctionMetadata, callback: FunctionCallback): Disposable {
    if (startupFinished) throw new Error("A function can only be registered during app startup.");
    if (functions.has(metadata.name)) {
      throw new Error(`A function with id "${metadata.name}" has already been registered.`);
    }
    functions.set(metadata.name, { metadata, callback });
    return new Disposable(() => functions.delete(metadata.name));
  }

  function registerHook(name: string, callback: HookCallback): Disposable {
    const callbacks = (hooks as Record<string, HookCallback[]>)[name];
    if (callbacks === undefined) throw new RangeError(`Unrecognized hook "${name}"`);
    callbacks.push(callback);
    return new Disposable(() => callbacks.splice(callbacks.indexOf(callback), 1));
  }

  provideModule("@azure/functions-core", {
    version: "3.13.0",
    hostVersion: "4.1044.0",
    Disposable,
    log,
    registerFunction,
    registerHook,
    setProgrammingModel: (model: ProgrammingModel) => {
      programmingModel = model;
    },
    getProgrammingModel: () => programmingModel,
  });

  return {
    functions,
    hooks,
    get programmingModel() {
      return programmingModel;
    },
    finishStartup: () => {
      startupFinished = true;
    },
  };
}

class Disposable {
  readonly #undo: () => unknown;

  constructor(undo: () => unknown) {
    this.#undo = undo;
  }

  static from(...disposables: { dispose(): unknown }[]): Disposable {
    return new Disposable(() => {
      for (const disposable of disposables) disposable.dispose();
    });
  }

  dispose(): unknown {
    return this.#undo();
  }
}

/** Makes `require(name)` and `import(name)` give this object, though there is no such package. */
function provideModule(name: string, exported: object): void {
  const url = `functions-host:${name}`;
  const key = Symbol.for(url);
  Object.assign(globalThis, { [key]: exported });
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === name ? { url, format: "commonjs", shortCircuit: true } : next(specifier, context),
    load: (loading, context, next) =>
      loading === url
        ? {
            format: "commonjs",
            shortCircuit: true,
            source: `module.exports = globalThis[Symbol.for(${JSON.stringify(url)})];`,
          }
        : next(loading, context),
  });
}
