import { parseArgs } from "node:util";
import { readDesk, readNumber, runCommand } from "./run/command-line.ts";
import { UsageError } from "./run/usage-error.ts";
import type { SoakReport } from "./soak/soak-run.ts";

const HELP = `The endurance run: the whole of Deskpost at full speed through hours or weeks of simulated time.
About 30 mails an hour arrive at random moments, access tokens live 60 to 90 minutes, mail is fetched each minute
and tokens are kept once a day. In the end every mail must be at the desk, once.

  npm run soak -- [options]

Options
  --hours N               simulated hours (default 24)
  --seed N                repeats a run: its mails and their moments, the lives of tokens, the moods of Graph
                          (default: by chance, and printed)
  --desk uvdesk|webhook   the desk that gets the mail (default uvdesk)
  --help                  this text

Exit codes: 0 nothing lost, nothing doubled, no error; 1 not so; 2 wrong options.
`;

const LONGEST_HOURS = 24 * 366;
const LARGEST_SEED = 2 ** 32 - 1;

const OPTIONS = {
  hours: { type: "string", default: "24" },
  seed: { type: "string" },
  desk: { type: "string", default: "uvdesk" },
  help: { type: "boolean", default: false },
} as const;

await runCommand("npm run soak", async (args) => {
  const { values } = parseArgs({ args, options: OPTIONS, strict: true, allowPositionals: false });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const desk = readDesk(values.desk);
  const hours = wholeNumber("hours", values.hours, 1, LONGEST_HOURS);
  const seed =
    values.seed === undefined
      ? Math.floor(Math.random() * LARGEST_SEED)
      : wholeNumber("seed", values.seed, 0, LARGEST_SEED);

  process.stdout.write(`${hours} simulated hours with seed ${seed}, desk ${desk}\n`);
  // Loaded only here: the help and a wrong option need not wait for it.
  const { soak } = await import("./soak/soak-run.ts");
  const report = await soak({
    hours,
    seed,
    desk,
    progress: (hour, arrived) => showProgress(`hour ${hour} of ${hours}: ${arrived} mails arrived`),
  });
  showProgress("");
  process.stdout.write(table(report));
  return report.lost === 0 && report.doubled === 0 && report.errors === 0 ? 0 : 1;
});

function wholeNumber(option: string, value: string, least: number, most: number): number {
  const number = readNumber(option, value, least, most);
  if (Number.isInteger(number)) return number;
  throw new UsageError(`--${option} must be a whole number, not "${value}"`);
}

/** One line that is written over; only for a person at a terminal. */
function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

function table(report: SoakReport): string {
  const rows: [string, string | number][] = [
    ["simulated hours", report.simulatedHours],
    ["mails arrived", report.arrived],
    ["delivered", report.delivered],
    ["doubled", report.doubled],
    ["lost", report.lost],
    ["access tokens refreshed", report.refreshes],
    ["refresh tokens saved", report.refreshTokensSaved],
    ["longest gap, arrival to delivery", `${(report.longestGapMs / 1_000).toFixed(1)} s (simulated)`],
    ["errors (failed invocations)", report.errors],
    ["Graph requests", report.graphRequests],
    ["table and queue requests", report.storageRequests],
    ["real seconds", report.realSeconds.toFixed(1)],
    ["  in fetch-mail", report.fetchSeconds.toFixed(1)],
    ["  in keep-tokens", report.keepSeconds.toFixed(1)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join("");
}
