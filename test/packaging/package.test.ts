import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execPath } from "node:process";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { type Azurite, startAzurite } from "../simulator/azurite.ts";
import type { FunctionMetadata } from "../simulator/host/functions-core.ts";
import { type FunctionsHost, startFunctionsHost } from "../simulator/host/functions-host.ts";
import { functionFaults } from "./function-faults.ts";
import { makePackage, type Package } from "./make-package.ts";
import { unzip } from "./unzip.ts";

const repository = path.join(import.meta.dirname, "../..");

/** What Azure must find in the package: nothing less, and nothing that nobody knows of. */
const EXPECTED = {
  "api-write": ["httpTrigger POST mailboxes/{*path} function", "http out"],
  "api-invite": ["httpTrigger POST mailboxes/{id}/invite function", "http out"],
  "api-read": ["httpTrigger GET mailboxes/{*path} function", "http out"],
  "api-remove": ["httpTrigger DELETE mailboxes/{*path} function", "http out"],
  "api-remove-by-post": ["httpTrigger POST mailboxes/{id}/remove function", "http out"],
  "fetch-mail": ["timerTrigger 0 * * * * *"],
  "fetch-mailbox": ["queueTrigger mailbox-fetches"],
  "finish-consent": ["httpTrigger GET,POST finish-consent anonymous", "http out"],
  "finish-sign-in": ["httpTrigger GET,POST finish-sign-in anonymous", "http out"],
  health: ["httpTrigger GET health anonymous", "http out"],
  invitation: ["httpTrigger GET invitation/{action?} anonymous", "http out"],
  "keep-tokens": ["timerTrigger 0 17 3 * * *"],
  openapi: ["httpTrigger GET openapi.json anonymous", "http out"],
  pages: ["httpTrigger GET,POST pages/{*path} anonymous", "http out"],
  "poison-fetches": ["queueTrigger mailbox-fetches-poison"],
  "sign-in": ["httpTrigger GET sign-in anonymous", "http out"],
  "sign-out": ["httpTrigger POST sign-out anonymous", "http out"],
  "start-consent": ["httpTrigger GET start-consent function", "http out"],
};

let folder: string;
let made: Package;
let again: Package;

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "deskpost-package-"));
  [made, again] = (await Promise.all(["one", "two"].map((name) => bundleAndPack(path.join(folder, name))))) as [
    Package,
    Package,
  ];
});

after(() => rm(folder, { recursive: true, force: true }));

/** From the sources on, so that the bundler is part of what is compared. */
async function bundleAndPack(into: string): Promise<Package> {
  const bundle = path.join(into, "bundle.cjs");
  await promisify(execFile)(execPath, ["test/build.ts", bundle], { cwd: repository });
  return makePackage({ repository, bundle, into });
}

describe("the package", () => {
  it("holds the bundle, host.json and a package.json without dependencies, and nothing else", async () => {
    const files = await unzip(await readFile(made.zip), path.join(folder, "listed"));
    assert.deepEqual(files, ["dist/main.cjs", "host.json", "package.json"]);
    const manifest = JSON.parse(await readFile(path.join(folder, "listed/package.json"), "utf8"));
    assert.deepEqual(Object.keys(manifest), ["name", "version", "private", "main"]);
    for (const file of files) {
      const unpacked = await readFile(path.join(folder, "listed", file));
      assert.deepEqual(unpacked, await readFile(path.join(made.folder, file)), file);
    }
  });

  it("is the same, byte for byte, when it is made again", () => {
    assert.equal(again.sha256, made.sha256);
  });
});

describe("the package on the Functions host", () => {
  let azurite: Azurite;
  let host: FunctionsHost;

  before(async () => {
    const appFolder = path.join(folder, "unpacked");
    await unzip(await readFile(made.zip), appFolder);
    azurite = await startAzurite({ tablePort: 0, queuePort: 0 });
    host = await startFunctionsHost({
      appFolder,
      port: 0,
      settings: { AzureWebJobsStorage: azurite.connectionString },
      runTimers: false,
      runQueues: false,
      log: () => undefined,
    });
  });

  after(async () => {
    await host.stop();
    await azurite.stop();
  });

  it("gives exactly the expected functions, with their bindings", () => {
    const found = Object.fromEntries(
      host.functions.map(({ name, bindings }) => [name, bindingsAsText(name, bindings)]),
    );
    assert.deepEqual(found, EXPECTED);
  });

  it("gives functions that can all run", () => {
    assert.deepEqual(host.faults, []);
    assert.deepEqual(functionFaults(host.functions), []);
  });
});

describe("functionFaults", () => {
  const timer = (schedule: string): FunctionMetadata => ({
    name: "tick",
    bindings: { timer: { type: "timerTrigger", direction: "in", schedule } },
  });

  it("refuses an app without functions", () => {
    assert.match(functionFaults([])[0] ?? "", /^The app registered no function/);
  });

  it("refuses a schedule that is not NCRONTAB, or has no next time", () => {
    assert.deepEqual(functionFaults([timer("0 17 3 * * *")]), []);
    for (const schedule of ["17 3 * *", "@daily", "0 0 0 L * *", "0 0 0 * * 7", "%NOWHERE%", "0 0 0 31 2 *"]) {
      assert.deepEqual(functionFaults([timer(schedule)]), [`tick: "${schedule}" never runs`]);
    }
  });

  it("refuses a function without a trigger", () => {
    assert.deepEqual(functionFaults([{ name: "idle", bindings: {} }]), ["idle has 0 triggers; it needs one"]);
  });
});

/** The trigger first, then the outputs, each in one line. */
function bindingsAsText(name: string, bindings: FunctionMetadata["bindings"]): string[] {
  const texts = Object.values(bindings).map(({ type, direction, ...options }) => {
    if (type === "httpTrigger") return `${type} ${options.methods} ${options.route ?? name} ${options.authLevel}`;
    const detail = options.schedule ?? options.queueName;
    return [type, ...(direction === "out" ? ["out"] : []), ...(detail === undefined ? [] : [detail])].join(" ");
  });
  return texts.sort((one, other) => Number(/Trigger/.test(other)) - Number(/Trigger/.test(one)));
}
