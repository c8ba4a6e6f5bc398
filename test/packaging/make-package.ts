import { createHash } from "node:crypto";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import { ZipFile } from "yazl";

/** Any fixed time will do; a zip knows none before this one. */
const FILE_TIME = new Date(1980, 0, 1);
const FILE_MODE = 0o100644;
/** Where the bundle lies in the package; the package's own `main` points there. */
const MAIN = "dist/main.cjs";

export interface PackageOptions {
  /** Holds host.json and package.json. */
  readonly repository: string;
  readonly bundle: string;
  /** Is emptied; gets the folder `package` and the file `deskpost.zip`. */
  readonly into: string;
}

export interface Package {
  readonly folder: string;
  readonly zip: string;
  /** Paths in the package, in order. */
  readonly files: readonly string[];
  readonly bundleBytes: number;
  readonly zipBytes: number;
  readonly sha256: string;
}

/**
 * Makes what is deployed: host.json, a package.json without dependencies, and the bundle, as a folder for
 * `func azure functionapp publish --no-build` and azd, and as a zip. The same sources give the same bytes.
 */
export async function makePackage({ repository, bundle, into }: PackageOptions): Promise<Package> {
  const { name, version } = JSON.parse(await readFile(path.join(repository, "package.json"), "utf8"));
  // Without the comment that points to a source map which is not part of the package.
  const code = (await readFile(bundle, "utf8")).replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n");
  const files: Readonly<Record<string, string>> = {
    [MAIN]: code,
    "host.json": await readFile(path.join(repository, "host.json"), "utf8"),
    "package.json": `${JSON.stringify({ name, version, private: true, main: MAIN }, null, 2)}\n`,
  };

  const folder = path.join(into, "package");
  await rm(folder, { recursive: true, force: true });
  const archive = new ZipFile();
  for (const [file, content] of Object.entries(files)) {
    const target = path.join(folder, file);
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, content);
    archive.addBuffer(Buffer.from(content), file, { mtime: FILE_TIME, mode: FILE_MODE, forceDosTimestamp: true });
  }
  archive.end();
  const bytes = await buffer(archive.outputStream);
  const zip = path.join(into, "deskpost.zip");
  await writeFile(zip, bytes);

  return {
    folder,
    zip,
    files: Object.keys(files),
    bundleBytes: Buffer.byteLength(code),
    zipBytes: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
  };
}
