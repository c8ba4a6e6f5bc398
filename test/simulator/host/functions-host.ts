import { existsSync } from "node:fs";
import { env } from "node:process";
import { fileURLToPath } from "node:url";
import { startStandIn } from "../stand-in.ts";
import {
  type FunctionMetadata,
  type FunctionsCore,
  type RegisteredFunction,
  supplyFunctionsCore,
} from "./functions-core.ts";
import { createSettings, FunctionFaultError, readAppConfig, type Settings } from "./host-config.ts";
import { createHttpFunctions, type HttpFunctions, type HttpRoute } from "./host-http.ts";
import { createInvoker, type Invocation, type LogLine, triggerOf } from "./host-invocations.ts";
import { createQueueFunctions, type QueueFunctions } from "./host-queue-triggers.ts";
import { createQueues, type Queues } from "./host-queues.ts";
import { createTimerFunctions, type TimerFunctions } from "./host-timers.ts";

export interface FunctionsHostOptions {
  /** Holds host.json and a package.json whose `main` registers the functions. */
  readonly appFolder: string;
  /** What registers the functions, instead of that `main`. */
  readonly entryPoint?: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** The app settings; they go into this process's environment before the app is loaded. */
  readonly settings: Readonly<Record<string, string>>;
  log(line: LogLine): void;
  /** Asked for by functions that are not anonymous. Without it no key is needed, as with the core tools. */
  readonly functionKey?: string;
  /** Keys that open one function each, by its name. */
  readonly functionKeys?: Readonly<Record<string, string>>;
  /** Run timers when the clock says so; otherwise only by `runTimer`. */
  readonly runTimers: boolean;
  /** Poll the queues; otherwise messages wait for `drainQueues`. */
  readonly runQueues: boolean;
}

/** A function that the host could not make available, with the host's message. */
interface FunctionFault {
  readonly functionName: string;
  readonly message: string;
}

/** A stand-in for the Azure Functions host and its Node.js worker, around the real library `@azure/functions`. */
export interface FunctionsHost {
  readonly url: string;
  /** What the app tells the host that its worker can do. */
  readonly capabilities: Readonly<Record<string, string>>;
  /** What the app has registered, available or not. */
  readonly functions: readonly FunctionMetadata[];
  /** The functions that are available. */
  readonly functionNames: readonly string[];
  readonly faults: readonly FunctionFault[];
  /** What HTTP functions listen to, with the prefix. */
  readonly routes: readonly HttpRoute[];
  /** Every run that has ended, in order. */
  readonly invocations: readonly Invocation[];
  /** Runs a timer function once; resolves when the run ends, rejects when it fails. */
  runTimer(functionName: string, options?: { isPastDue?: boolean }): Promise<void>;
  nextTimerRun(functionName: string, after: Date): Date;
  /** Processes queue messages until none is visible. Messages that failed come back later, as the clock goes on. */
  drainQueues(): Promise<void>;
  /** Lets running functions end, then runs the hooks for the end of the app. */
  stop(): Promise<void>;
}

/** Starts the app of a folder. Once in a process: `@azure/functions` binds to its first host for good. */
export async function startFunctionsHost(options: FunctionsHostOptions): Promise<FunctionsHost> {
  const { appFolder, entryPoint, log } = options;
  const config = readAppConfig(appFolder, entryPoint);
  const settings = createSettings(options.settings);
  const core = supplyFunctionsCore((level, _source, message) => log({ level, category: "Worker", message }));

  Object.assign(env, options.settings);
  const queues = createQueues(config.queues, settings);
  const invoker = createInvoker({ core, appFolder, log, writeOutputs: queues.writeOutputs });
  await loadApp(config, core);
  await invoker.runAppHooks("appStart");
  const capabilities = (await core.programmingModel?.getCapabilities({})) ?? {};
  refuseHttpStreams(capabilities);
  core.finishStartup();

  const http = createHttpFunctions({
    invoker,
    routePrefix: config.routePrefix,
    functionKey: options.functionKey,
    functionKeys: options.functionKeys ?? {},
  });
  const timers = createTimerFunctions(invoker, settings);
  const queueFunctions = createQueueFunctions(invoker, queues);
  const faults: FunctionFault[] = [];
  const functionNames: string[] = [];
  for (const [functionName, registered] of core.functions) {
    try {
      if (settings.isDisabled(functionName)) {
        log({ level: "information", category: "Host.Startup", message: `Function '${functionName}' is disabled` });
        continue;
      }
      addFunction(registered, { http, timers, queueFunctions, queues, settings });
      functionNames.push(functionName);
    } catch (error) {
      if (!(error instanceof FunctionFaultError)) throw error;
      const message = `The '${functionName}' function is in error: Error indexing method 'Functions.${functionName}'. ${error.message}`;
      faults.push({ functionName, message });
      log({ level: "error", category: "Host.Startup", message });
    }
  }

  await queueFunctions.createQueues();
  const standIn = await startStandIn({ name: "the Functions host", port: options.port, handle: http.handle });
  const stopping = new AbortController();
  const loops = [
    ...(options.runTimers ? [timers.follow(stopping.signal)] : []),
    ...(options.runQueues ? [queueFunctions.follow(stopping.signal)] : []),
  ];
  log({ level: "information", category: "Host.Startup", message: `Job host started: ${functionNames.join(", ")}` });

  return {
    url: standIn.origin,
    capabilities,
    functions: [...core.functions.values()].map(({ metadata }) => metadata),
    functionNames,
    faults,
    routes: http.routes,
    invocations: invoker.invocations,
    runTimer: timers.run,
    nextTimerRun: timers.nextRun,
    drainQueues: queueFunctions.drain,
    stop: async () => {
      stopping.abort();
      await Promise.all(loops);
      await invoker.idle();
      await invoker.runAppHooks("appTerminate");
      await standIn.stop();
    },
  };
}

async function loadApp({ entryPoint, entryPointUrl }: ReturnType<typeof readAppConfig>, core: FunctionsCore) {
  if (!existsSync(fileURLToPath(entryPointUrl))) {
    throw new Error(
      `Worker was unable to load entry point "${entryPoint}": Found zero files matching the supplied pattern`,
    );
  }
  await import(entryPointUrl);
  if (core.programmingModel === undefined) {
    throw new Error(
      `"${entryPoint}" registered no function. Either it does not use @azure/functions, or this process had loaded ` +
        "the library before the host started: the library looks for its host only once.",
    );
  }
}

/** With that setup option the library opens a server of its own, which cannot be closed again. */
function refuseHttpStreams(capabilities: Readonly<Record<string, string>>): void {
  if (capabilities.HttpUri !== undefined) throw new Error("This host does not know app.setup({ enableHttpStream })");
}

interface Triggers {
  readonly http: HttpFunctions;
  readonly timers: TimerFunctions;
  readonly queueFunctions: QueueFunctions;
  readonly queues: Queues;
  readonly settings: Settings;
}

/** Makes a function available, or throws a `FunctionFaultError` that says why it cannot be. */
function addFunction({ metadata: { name, bindings } }: RegisteredFunction, triggers: Triggers): void {
  if (!/^[a-z][\w-]{0,126}$/i.test(name)) throw new FunctionFaultError(`'${name}' is not a valid function name.`);
  const trigger = triggerOf(bindings);
  for (const [bindingName, binding] of Object.entries(bindings)) {
    if (bindingName === trigger.name) continue;
    const type = binding.type.toLowerCase();
    if (type === "queue" && binding.direction === "out") triggers.queues.open(binding);
    else if (type !== "http") throw new FunctionFaultError(`The binding type '${binding.type}' is not known here.`);
  }
  if (trigger.type === "httptrigger") triggers.http.add(name, trigger.binding);
  else if (trigger.type === "timertrigger") triggers.timers.add(name, trigger.binding);
  else if (trigger.type === "queuetrigger") triggers.queueFunctions.add(name, trigger.binding);
  else throw new FunctionFaultError(`The trigger type '${trigger.binding.type}' is not known here.`);
}
