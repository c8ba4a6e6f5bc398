import path from "node:path";
import { stdout } from "node:process";
import { makePackage } from "./packaging/make-package.ts";

const repository = path.join(import.meta.dirname, "..");
const made = await makePackage({
  repository,
  bundle: path.join(repository, "dist/main.cjs"),
  into: path.join(repository, "dist"),
});
const kilobytes = (bytes: number) => `${Math.round(bytes / 1024)} KB`;
stdout.write(
  [
    `${path.relative(repository, made.folder)}: ${made.files.join(", ")}`,
    `${path.relative(repository, made.zip)}: ${kilobytes(made.zipBytes)} (bundle ${kilobytes(made.bundleBytes)})`,
    `sha256 ${made.sha256}`,
    "",
  ].join("\n"),
);
