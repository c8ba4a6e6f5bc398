import type { BuildOptions, Plugin } from "esbuild";

/**
 * The exporter to Application Insights asks a server of Microsoft each hour how it shall behave, without a setting to
 * turn that off. What runs here is what was tested, so the part that asks is left out.
 */
const withoutRemoteConfiguration: Plugin = {
  name: "without-remote-configuration",
  setup(bundler) {
    let left = 0;
    bundler.onStart(() => {
      left = 0;
    });
    bundler.onLoad({ filter: /monitor-opentelemetry-exporter.+[/\\]configurationWorker\.js$/ }, () => {
      left += 1;
      return { contents: "export class ConfigurationWorker { shutdown() {} }" };
    });
    bundler.onEnd(() => (left === 1 ? {} : { errors: [{ text: "The exporter's ConfigurationWorker was not found" }] }));
  },
};

/**
 * Bundles the functions into one CommonJS file, which is what gets deployed. The host supplies
 * `@azure/functions-core` itself.
 */
export const BUNDLE_OPTIONS = {
  entryPoints: ["functions/main.ts"],
  outfile: "dist/main.cjs",
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node22",
  external: ["@azure/functions-core"],
  plugins: [withoutRemoteConfiguration],
  sourcemap: true,
  minifySyntax: true,
  legalComments: "none",
  logLevel: "warning",
} as const satisfies BuildOptions;
