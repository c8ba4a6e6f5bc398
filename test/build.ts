import { build } from "esbuild";

/**
 * Bundles the functions into one CommonJS file, which is what gets deployed. The host supplies
 * `@azure/functions-core` itself.
 */
await build({
  entryPoints: ["functions/main.ts"],
  outfile: "dist/main.cjs",
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node22",
  external: ["@azure/functions-core"],
  sourcemap: true,
  minifySyntax: true,
  legalComments: "none",
  logLevel: "warning",
});
