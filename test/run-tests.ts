import { spawnSync } from "node:child_process";
import path from "node:path";

/**
 * `npm test`, and with `system` the long tests of `npm run test:system`: those in `*.system.test.ts`, and once more on
 * Azurite those of the parts, which `npm test` runs with their tables in memory. Prints how long it took.
 */
const ROOT = path.join(import.meta.dirname, "..");
const NODE_TEST = ["--test", "--test-concurrency=2"];
const FAST = ["test/*.test.ts", "test/!(browser)/**/!(*.system).test.ts"];
const SYSTEM = ["test/!(browser)/**/*.system.test.ts"];
const PARTS = ["test/shared/**/!(*.system).test.ts"];

function run(files: readonly string[], settings: Readonly<Record<string, string>> = {}): boolean {
  const { status } = spawnSync(process.execPath, [...NODE_TEST, ...files], {
    cwd: ROOT,
    stdio: "inherit",
    env: { ...process.env, ...settings },
  });
  return status === 0;
}

const started = performance.now();
const isSystem = process.argv[2] === "system";
const passed = isSystem ? [run(SYSTEM), run(PARTS, { DESKPOST_TEST_STORAGE: "azurite" })] : [run(FAST)];
const seconds = Math.round((performance.now() - started) / 1000);
process.stdout.write(`\n${isSystem ? "npm run test:system" : "npm test"} took ${seconds} s.\n`);
process.exitCode = passed.every(Boolean) ? 0 : 1;
