import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import pLimit from "p-limit";
import { readWholeNumber, runCommand } from "../simulator/run/command-line.ts";
import { PLANTED_FAULTS, type PlantedFault } from "./planted-faults.ts";

const HELP = `Plants faults in copies of the product, one in each, and shows that the simulation finds every one of them.

  npm run simulate:faults -- [options]

Options
  --seeds N     histories at most for each fault (default 500, as many as .ci/run simulates)
  --only TEXT   those alone whose name holds this
  --help        this text

Exit codes: 0 every fault was found; 1 not so, or a text to be replaced is no longer in the product; 2 wrong options.
`;

const OPTIONS = {
  seeds: { type: "string", default: "500" },
  only: { type: "string", default: "" },
  help: { type: "boolean", default: false },
} as const;

const ROOT = path.join(import.meta.dirname, "..", "..");
/** What the simulation is made of. */
const TREE = ["package.json", "shared", "test/dst", "test/simulator", "test/shared/mailboxes", "test/shared/activity"];
const COPIES_AT_ONCE = 2;
const MOST_SEEDS = 10_000;

await runCommand("npm run simulate:faults", async (args) => {
  const { values } = parseArgs({ args, options: OPTIONS, strict: true, allowPositionals: false });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const seeds = readWholeNumber("seeds", values.seeds, 1, MOST_SEEDS);
  const atOnce = pLimit(COPIES_AT_ONCE);
  const faults = PLANTED_FAULTS.filter(({ name }) => name.includes(values.only));
  const found = await Promise.all(
    faults.map((fault) =>
      atOnce(async () => {
        const { isFound, words } = await find(fault, seeds);
        process.stdout.write(`${isFound ? "found " : "MISSED"}  ${fault.name}: ${words}\n`);
        return isFound;
      }),
    ),
  );
  return found.every(Boolean) ? 0 : 1;
});

async function find(fault: PlantedFault, seeds: number): Promise<{ isFound: boolean; words: string }> {
  const copy = await mkdtemp(path.join(tmpdir(), "deskpost-planted-"));
  try {
    for (const part of TREE) await cp(path.join(ROOT, part), path.join(copy, part), { recursive: true });
    await symlink(path.join(ROOT, "node_modules"), path.join(copy, "node_modules"));
    for (const edit of fault.edits) await plant(path.join(copy, edit.file), edit, fault.name);
    return await playCopy(copy, seeds);
  } finally {
    await rm(copy, { recursive: true });
  }
}

async function plant(file: string, { find: text, replace }: PlantedFault["edits"][0], name: string): Promise<void> {
  const parts = (await readFile(file, "utf8")).split(text);
  if (parts.length !== 2) {
    throw new Error(
      `"${name}" cannot be planted: ${file} holds this ${parts.length - 1} times, not once:\n${text}\nChange planted-faults.ts along with the product.`,
    );
  }
  await writeFile(file, parts.join(replace));
}

function playCopy(copy: string, seeds: number): Promise<{ isFound: boolean; words: string }> {
  const script = path.join(copy, "test/dst/simulate.ts");
  const args = [script, "--seeds", String(seeds), "--workers", "1", "--stop-at-first"];
  return new Promise((resolve) => {
    execFile(process.execPath, args, (error, stdout, stderr) => {
      const [, seed, law] = /^Seed (\d+) went wrong:\n\s*(.*)/m.exec(stdout) ?? [];
      if (seed !== undefined) resolve({ isFound: true, words: `seed ${seed}: ${law}` });
      else resolve({ isFound: false, words: error === null ? `not within ${seeds} seeds` : stderr });
    });
  });
}
