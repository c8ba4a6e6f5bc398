import { parseArgs, styleText } from "node:util";
import type { DeskName } from "./desks/simulated-desk.ts";
import type { LogLine } from "./host/host-invocations.ts";
import { readDesk, readPort, runCommand } from "./run/command-line.ts";
import { formatLogLine } from "./run/log-lines.ts";
import { onceCommand } from "./run/once-command.ts";
import { UsageError } from "./run/usage-error.ts";
import { FIRST_PORT, PORT_COUNT } from "./simulator-ports.ts";

const HELP = `Deskpost against a simulated Microsoft 365 and a simulated help desk, all on this machine.

  npm start                            the demo: pages to click through, with a clock that can jump
  npm start -- --once [options]        takes a folder of mails through, prints what became of them, and ends

Options
  --desk uvdesk|webhook   the desk that gets the mail (default uvdesk)
  --port N                the first of ${PORT_COUNT} ports in a row (default ${FIRST_PORT}; with --once: free ones)
  --help                  this text

Options with --once
  --mail FOLDER           every .eml file below it lies in the mailbox (default: the sample mails)
  --out FOLDER            gets each delivered mail as the desk received it, under the same name
  --verbose               prints what Deskpost logs

Exit codes of --once: 0 every mail is delivered, refused or quarantined; 1 not so; 2 wrong options.

Examples
  npm start -- --port 9000
  npm start -- --once --mail ./mails --out ./received --desk webhook
`;

const OPTIONS = {
  desk: { type: "string", default: "uvdesk" },
  port: { type: "string" },
  help: { type: "boolean", default: false },
  once: { type: "boolean", default: false },
  mail: { type: "string" },
  out: { type: "string" },
  verbose: { type: "boolean", default: false },
} as const;

await runCommand("npm start", async (args) => {
  const { values } = parseArgs({ args, options: OPTIONS, strict: true, allowPositionals: false });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const desk = readDesk(values.desk);
  const first = values.port === undefined ? undefined : readPort(values.port);
  if (!values.once) {
    for (const name of ["mail", "out", "verbose"] as const) {
      if (values[name]) throw new UsageError(`--${name} goes with --once only`);
    }
    return runDemo(desk, first ?? FIRST_PORT);
  }
  return onceCommand({
    mailFolder: values.mail,
    outFolder: values.out,
    desk,
    ports: first === undefined ? "free" : { first },
    print: (line) => process.stdout.write(`${line}\n`),
    log: (line) => {
      const text = values.verbose ? formatLogLine(line) : undefined;
      if (text !== undefined) process.stderr.write(`${text}\n`);
    },
  });
});

async function runDemo(desk: DeskName, first: number): Promise<number> {
  const log = (line: LogLine) => {
    const text = formatLogLine(line);
    if (text !== undefined) process.stdout.write(`${text}\n`);
  };
  // Loaded only here: the help and a wrong option need not wait for it.
  const { describeDemo, startDemo } = await import("./run/demo.ts");
  const demo = await startDemo({ desk, ports: { first }, log });
  process.stdout.write(`\n${describeDemo(demo, (text) => styleText(["bold", "underline"], text))}`);
  await new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, resolve);
  });
  process.stdout.write("\nStopping…\n");
  await demo.stop();
  return 0;
}
