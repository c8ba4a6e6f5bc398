import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { env } from "node:process";
import { isDeepStrictEqual, promisify } from "node:util";

const run = promisify(execFile);
/** A compiled template has some hundred kilobytes. */
const OUTPUT_LIMIT_BYTES = 32 * 1024 * 1024;

/** What a deployment would make, as the compiler can tell without Azure. */
export interface Resource {
  readonly type: string;
  readonly name?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
  readonly [key: string]: unknown;
}

export interface Bicep {
  readonly version: string;
  /** The template as JSON. */
  build(file: string): Promise<unknown>;
  /** Every diagnostic of a folder's files, warnings too; empty where there is none. */
  lint(folder: string): Promise<readonly string[]>;
  /** The files of a folder that the formatter would write otherwise. */
  unformatted(folder: string): Promise<readonly string[]>;
  /** What a parameter file would deploy into some subscription, or into some group of it. */
  snapshot(parameterFile: string, scope: "subscription" | "resource group"): Promise<readonly Resource[]>;
  /** Packs type definitions (`index.json` and its kin) for use as an extension. */
  packTypes(indexFile: string, target: string): Promise<void>;
}

/** The compiler: at `BICEP_PATH`, or on the PATH; `undefined` where there is none. */
export async function findBicep(): Promise<Bicep | undefined> {
  const { BICEP_PATH, PATH = "" } = env;
  const onPath = PATH.split(path.delimiter).map((folder) => path.join(folder, "bicep"));
  const executable = BICEP_PATH || onPath.find(isExecutable);
  return executable === undefined ? undefined : createBicep(executable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    // accessSync has no other way to say no.
    return false;
  }
}

const SUBSCRIPTION = [
  ["--tenant-id", "11111111-1111-1111-1111-111111111111"],
  ["--subscription-id", "22222222-2222-2222-2222-222222222222"],
  ["--location", "westeurope"],
].flat();

async function createBicep(executable: string): Promise<Bicep> {
  const bicep = (...options: string[]) => run(executable, options, { maxBuffer: OUTPUT_LIMIT_BYTES });
  const { stdout } = await bicep("--version");
  return {
    version: stdout.trim(),
    async build(file) {
      return JSON.parse((await bicep("build", file, "--stdout", "--no-restore")).stdout);
    },
    async lint(folder) {
      // Exits with 1 where there is an error, and with 0 where there are only warnings.
      const pattern = path.join(folder, "*.bicep");
      const { stderr } = await bicep("lint", "--pattern", pattern).catch((failure: { stderr: string }) => failure);
      return stderr.split("\n").filter((line) => /: (Error|Warning|Info) /.test(line));
    },
    unformatted: (folder) =>
      withCopy(folder, async (copy) => {
        await bicep("format", "--pattern", path.join(copy, "*.bicep*"));
        const files = (await readdir(folder)).filter((file) => /\.bicep(param)?$/.test(file));
        const same = await Promise.all(
          files.map(async (file) => {
            const [before, after] = await Promise.all([folder, copy].map((one) => readFile(path.join(one, file))));
            return isDeepStrictEqual(before, after);
          }),
        );
        return files.filter((_, index) => !same[index]);
      }),
    // It writes its answer beside the parameter file.
    snapshot: (parameterFile, scope) =>
      withCopy(path.dirname(parameterFile), async (copy) => {
        const file = path.join(copy, path.basename(parameterFile));
        const where = scope === "subscription" ? SUBSCRIPTION : [...SUBSCRIPTION, "--resource-group", "rg-deskpost"];
        await bicep("snapshot", file, "--mode", "overwrite", ...where).catch(({ stderr }: { stderr: string }) => {
          throw new Error(`${path.basename(parameterFile)} cannot be deployed:\n${stderr}`);
        });
        const snapshot = await readFile(file.replace(/\.bicepparam$/, ".snapshot.json"), "utf8");
        return JSON.parse(snapshot).predictedResources;
      }),
    async packTypes(indexFile, target) {
      await bicep("publish-extension", indexFile, "--target", target, "--force");
    },
  };
}

async function withCopy<T>(folder: string, work: (copy: string) => Promise<T>): Promise<T> {
  const copy = await mkdtemp(path.join(tmpdir(), "deskpost-bicep-"));
  try {
    await cp(folder, copy, { recursive: true });
    return await work(copy);
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
}
