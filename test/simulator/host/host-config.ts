import { readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

/** A setting that a function needs is missing or unusable: that function is unavailable, the others run. */
export class FunctionFaultError extends Error {
  override readonly name = "FunctionFaultError";
}

/** `extensions.queues` of host.json. https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue */
export interface QueueOptions {
  readonly batchSize: number;
  /** The next batch is fetched when no more than this many messages are being processed. */
  readonly newBatchThreshold: number;
  readonly maxDequeueCount: number;
  /** How long a message stays away after a failure. */
  readonly visibilityTimeoutSeconds: number;
  readonly messageEncoding: "base64" | "none";
}

interface AppConfig {
  /** `extensions.http.routePrefix`, without slashes around it; may be empty. */
  readonly routePrefix: string;
  readonly queues: QueueOptions;
  /** The file that registers the functions. */
  readonly entryPoint: string;
  readonly entryPointUrl: string;
}

interface HostJson {
  extensions?: {
    http?: { routePrefix?: string };
    queues?: Partial<QueueOptions> & { visibilityTimeout?: string };
  };
}

/** @param entryPoint instead of the one that package.json names */
export function readAppConfig(appFolder: string, entryPoint?: string): AppConfig {
  const hostJson = readJson(path.join(appFolder, "host.json")) as HostJson;
  const packageJson = readJson(path.join(appFolder, "package.json")) as { main?: string };
  const main = entryPoint ?? packageJson.main;
  if (main === undefined) throw new Error(`${appFolder}/package.json names no "main": there is nothing to load`);

  const { http = {}, queues = {} } = hostJson.extensions ?? {};
  const batchSize = queues.batchSize ?? 16;
  return {
    routePrefix: (http.routePrefix ?? "api").replace(/^\/+|\/+$/g, ""),
    queues: {
      batchSize,
      newBatchThreshold: queues.newBatchThreshold ?? Math.floor(batchSize / 2),
      maxDequeueCount: queues.maxDequeueCount ?? 5,
      visibilityTimeoutSeconds: seconds(queues.visibilityTimeout ?? "00:00:00"),
      messageEncoding: queues.messageEncoding ?? "base64",
    },
    entryPoint: main,
    entryPointUrl: pathToFileURL(path.resolve(appFolder, main)).href,
  };
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, "utf8"));
}

/** `hh:mm:ss`, or `d.hh:mm:ss`. */
function seconds(timeSpan: string): number {
  const parts = /^(?:(\d+)\.)?(\d+):(\d+):(\d+)$/.exec(timeSpan);
  if (parts === null) throw new Error(`host.json: "${timeSpan}" is not a time span such as 00:01:00`);
  const [days, hours, minutes, rest] = parts.slice(1).map((part) => Number(part ?? 0));
  return (((days ?? 0) * 24 + (hours ?? 0)) * 60 + (minutes ?? 0)) * 60 + (rest ?? 0);
}

/** The app settings, read as the host reads them. */
export interface Settings {
  /** Replaces each `%NAME%`. */
  resolve(text: string): string;
  /** The storage connection string that a binding's `connection` names. */
  storageConnection(name: string | undefined): string;
  isDisabled(functionName: string): boolean;
}

export function createSettings(values: Readonly<Record<string, string>>): Settings {
  return {
    resolve: (text) =>
      text.replace(/%([^%]+)%/g, (reference, name: string) => {
        const value = values[name];
        if (value === undefined) throw new FunctionFaultError(`'${reference}' does not resolve to a value.`);
        return value;
      }),
    storageConnection: (name = "AzureWebJobsStorage") => {
      const value = values[`AzureWebJobs${name}`] ?? values[name];
      if (!value) {
        throw new FunctionFaultError(
          `Storage account connection string '${name}' does not exist. Make sure that it is a defined App Setting.`,
        );
      }
      return value;
    },
    isDisabled: (functionName) => /^(1|true)$/i.test(values[`AzureWebJobs.${functionName}.Disabled`] ?? ""),
  };
}
