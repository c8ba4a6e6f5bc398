import { build } from "esbuild";
import { BUNDLE_OPTIONS } from "./bundle-options.ts";

await build({ ...BUNDLE_OPTIONS, outfile: process.argv[2] ?? BUNDLE_OPTIONS.outfile });
