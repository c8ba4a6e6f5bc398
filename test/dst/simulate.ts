import { parseArgs } from "node:util";
import { readWholeNumber, runCommand } from "../simulator/run/command-line.ts";
import { simulateSeeds } from "./simulate-seeds.ts";

const HELP = `Plays histories of the mail path: mail that comes and goes, faults of Graph, storage and the desks, crashes and
stalls of several instances. One seed stands for one history, the same each time that it is played with the same code.
Nothing may be lost, and nothing doubled but what a crash leaves no other way.

  npm run simulate -- [options]

Options
  --seeds N         histories (default 500)
  --from S          the first seed (default 1)
  --seed X          this history alone
  --trace           with --seed: tells it step by step
  --workers N       threads (default 2)
  --stop-at-first   ends with the first history that goes wrong
  --help            this text

Exit codes: 0 every history went well; 1 not so; 2 wrong options.
`;

const MOST_SEEDS = 1_000_000;
const MOST_WORKERS = 16;
const FAULTS_TOLD = 5;

const OPTIONS = {
  seeds: { type: "string", default: "500" },
  from: { type: "string", default: "1" },
  seed: { type: "string" },
  trace: { type: "boolean", default: false },
  workers: { type: "string", default: "2" },
  "stop-at-first": { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

await runCommand("npm run simulate", async (args) => {
  const { values } = parseArgs({ args, options: OPTIONS, strict: true, allowPositionals: false });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const seeds = readWholeNumber("seeds", values.seeds, 1, MOST_SEEDS);
  const from = readWholeNumber("from", values.from, 0, MOST_SEEDS);
  if (values.seed !== undefined) {
    // Loaded only here: the others are played in threads of their own.
    const { simulate } = await import("./simulation.ts");
    const seed = readWholeNumber("seed", values.seed, 0, 2 * MOST_SEEDS);
    const { faults } = await simulate(seed, values.trace ? (line) => process.stdout.write(`${line}\n`) : undefined);
    process.stdout.write(faults.length === 0 ? `Seed ${seed} went well\n` : told(seed, faults));
    return faults.length === 0 ? 0 : 1;
  }

  const startedAt = performance.now();
  const report = await simulateSeeds({
    seeds,
    from,
    workers: readWholeNumber("workers", values.workers, 1, MOST_WORKERS),
    stopAtFirst: values["stop-at-first"],
    failed: (seed, faults) => process.stdout.write(told(seed, faults)),
  });
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  process.stdout.write(
    `${report.played} histories in ${seconds} s: ${report.mails} mails, ${report.crashes} crashes, ${report.steps} steps; ${report.failed} went wrong\n`,
  );
  return report.failed === 0 ? 0 : 1;
});

function told(seed: number, faults: readonly string[]): string {
  const hint = `  npm run simulate -- --seed ${seed} --trace`;
  const first = faults.slice(0, FAULTS_TOLD).map((fault) => `  ${fault}`);
  const more = faults.length > FAULTS_TOLD ? [`  and ${faults.length - FAULTS_TOLD} more`] : [];
  return [`Seed ${seed} went wrong:`, ...first, ...more, hint, ""].join("\n");
}
