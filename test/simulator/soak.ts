import { parseArgs } from "node:util";
import { readDesk, readWholeNumber, runCommand } from "./run/command-line.ts";
import { UsageError } from "./run/usage-error.ts";
import { LEAST_HOURS_WITH_TROUBLES } from "./soak/troubles-plan.ts";

const HELP = `The endurance run: the whole of Deskpost at full speed through a day or a year of simulated time.
Mails arrive at random moments, one for every other fetch, access tokens live 60 to 90 minutes, and tokens are kept
once a day. In the end every mail must be at the desk, once.

  npm run soak -- [options]

Options
  --hours N               simulated hours (default 24)
  --mailboxes N           mailboxes, each with an owner of its own (default 1)
  --tick MINUTES          how often mail is fetched: 1 to 60, a divisor of 60
                          (default 1; 15 beyond 1,000 hours)
  --troubles              outages of Entra, Key Vault, storage, Graph and the desk each month, single requests to
                          storage that fail, lost delta positions; and once a client secret that expires, an owner's
                          new password and an organisation that blocks an owner. At least ${LEAST_HOURS_WITH_TROUBLES} hours.
                          (on beyond 1,000 hours; --no-troubles switches them off)
  --tables azurite|memory where Deskpost keeps its tables (default azurite; memory beyond 1,000 hours). With memory the
                          product runs from its source instead of the bundle.
  --seed N                repeats a run: its mails, its troubles and their moments, the moods of Microsoft's services
                          (default: by chance, and printed)
  --desk uvdesk|webhook   the desk that gets the mail (default uvdesk)
  --help                  this text

Exit codes: 0 nothing lost, nothing doubled, no error, and people asked exactly where Microsoft demanded it;
1 not so; 2 wrong options.
`;

const LONGEST_HOURS = 24 * 366;
const MOST_MAILBOXES = 100;
const LARGEST_SEED = 2 ** 32 - 3;
/** Beyond this a run is a long one. */
const LONG_RUN_HOURS = 1_000;

const OPTIONS = {
  hours: { type: "string", default: "24" },
  mailboxes: { type: "string", default: "1" },
  tick: { type: "string" },
  troubles: { type: "boolean" },
  tables: { type: "string" },
  seed: { type: "string" },
  desk: { type: "string", default: "uvdesk" },
  help: { type: "boolean", default: false },
} as const;

await runCommand("npm run soak", async (args) => {
  const { values } = parseArgs({ args, options: OPTIONS, strict: true, allowPositionals: false, allowNegative: true });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const desk = readDesk(values.desk);
  const hours = readWholeNumber("hours", values.hours, 1, LONGEST_HOURS);
  const mailboxes = readWholeNumber("mailboxes", values.mailboxes, 1, MOST_MAILBOXES);
  const isLong = hours > LONG_RUN_HOURS;
  const tickMinutes = values.tick === undefined ? (isLong ? 15 : 1) : readTick(values.tick);
  const troubles = values.troubles ?? isLong;
  const tables = readTables(values.tables ?? (isLong ? "memory" : "azurite"));
  if (troubles && hours < LEAST_HOURS_WITH_TROUBLES) {
    throw new UsageError(`--troubles needs --hours ${LEAST_HOURS_WITH_TROUBLES} at least`);
  }
  const seed =
    values.seed === undefined
      ? Math.floor(Math.random() * LARGEST_SEED)
      : readWholeNumber("seed", values.seed, 0, LARGEST_SEED);

  process.stdout.write(
    `${hours} simulated hours with seed ${seed}, desk ${desk}, a fetch each ${tickMinutes} min, ${troubles ? "with" : "no"} troubles, tables in ${tables}\n`,
  );
  // Loaded only here: the help and a wrong option need not wait for it.
  const { soak } = await import("./soak/soak-run.ts");
  const { isGood, reportTable } = await import("./soak/soak-report.ts");
  const report = await soak({
    hours,
    mailboxes,
    tickMinutes,
    troubles,
    tables,
    seed,
    desk,
    progress: (hour, arrived) => showProgress(`hour ${hour} of ${hours}: ${arrived} mails arrived`),
  });
  showProgress("");
  process.stdout.write(reportTable(report));
  return isGood(report) ? 0 : 1;
});

function readTables(value: string): "azurite" | "memory" {
  if (value === "azurite" || value === "memory") return value;
  throw new UsageError(`--tables must be azurite or memory, not "${value}"`);
}

function readTick(value: string): number {
  const minutes = readWholeNumber("tick", value, 1, 60);
  if (60 % minutes === 0) return minutes;
  throw new UsageError(`--tick must be a divisor of 60, not "${value}"`);
}

/** One line that is written over; only for a person at a terminal. */
function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}
