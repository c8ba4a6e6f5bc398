import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { SETTING_NAMES } from "../../shared/platform/config.ts";
import { TABLE_NAMES } from "../../shared/platform/tables-azure.ts";
import { FETCHES_QUEUE } from "../../shared/scheduling/queue-fetches.ts";
import { ADMIN_ROLE } from "../../shared/web/session/sign-in.ts";
import { createUrls } from "../../shared/web/urls.ts";
import type { RegistrationCode } from "./check-registration.ts";
import type { Code } from "./check-template.ts";

/** What the code reads, stores and offers. */
export async function readCode(repository: string): Promise<Code> {
  const sources = await readSources(path.join(repository, "functions"));
  const functions = sources.flatMap((source) =>
    [...source.matchAll(/\bapp\.(?:http|timer|storageQueue)\(\s*"([\w-]+)"/g)].map(([, name]) => String(name)),
  );
  return { settings: SETTING_NAMES, tables: TABLE_NAMES, queues: [FETCHES_QUEUE], functions };
}

async function readSources(folder: string): Promise<string[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith(".ts"));
  return Promise.all(files.map((file) => readFile(path.join(folder, file), "utf8")));
}

/** The names of all events, from the type that lists them. */
export async function readEvents(repository: string): Promise<string[]> {
  const source = await readFile(path.join(repository, "shared/telemetry/log.ts"), "utf8");
  const [, union = ""] = /export type LogEvent =([^;]+);/.exec(source) ?? [];
  return [...union.matchAll(/"([^"]+)"/g)].map(([, event]) => String(event));
}

/** What the code asks of the application at Entra. */
export async function readRegistrationCode(repository: string, origin: string): Promise<RegistrationCode> {
  const sources = (await readSources(path.join(repository, "shared/tokens"))).join("\n");
  const scopes = [...sources.matchAll(/"(Mail\.[\w.]+)"/g)].map(([, scope]) => String(scope));
  const urls = Object.values(createUrls(origin)).filter((url) => typeof url === "string");
  return {
    redirectUrls: urls.filter((url) => url.includes("/finish-")),
    scopes: [...new Set([...scopes, "offline_access"])],
    adminRole: ADMIN_ROLE,
  };
}
