import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { context, type Plugin } from "esbuild";
import { BUNDLE_OPTIONS } from "./bundle-options.ts";

/** esbuild itself removes the bundle where a source does not compile. Here nothing is written then: what ran before goes on. */
const writeWhatCompiles: Plugin = {
  name: "write-what-compiles",
  setup(bundler) {
    bundler.onEnd(async ({ outputFiles = [] }) => {
      for (const file of outputFiles) {
        await mkdir(path.dirname(file.path), { recursive: true });
        await writeFile(file.path, file.contents);
      }
    });
  },
};

/**
 * `npm run dev`: the demo of `npm start`, with the same options, begun anew on the same ports whenever its sources change.
 * esbuild makes the bundle again, and Node's watch mode sees that, as it sees changes of the simulator.
 */
const bundle = await context({
  ...BUNDLE_OPTIONS,
  plugins: [...BUNDLE_OPTIONS.plugins, writeWhatCompiles],
  write: false,
  logLevel: "info",
});
await bundle.rebuild();
await bundle.watch();

const demo = spawn(
  process.execPath,
  [
    ...["--watch", "--watch-preserve-output", "--enable-source-maps"],
    ...[path.join(import.meta.dirname, "simulator/start.ts"), ...process.argv.slice(2)],
  ],
  { stdio: "inherit" },
);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => demo.kill(signal));
const [code] = (await once(demo, "exit")) as [number | null];
await bundle.dispose();
process.exitCode = code ?? 1;
