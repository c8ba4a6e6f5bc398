import { setTimeout as sleep } from "node:timers/promises";
import { commandLineTarget } from "../platform/config.ts";
import { runCommandLine } from "./run-command-line.ts";

process.exitCode = await runCommandLine(process.argv.slice(2), {
  target: commandLineTarget(),
  write: (text) => process.stdout.write(text),
  writeAside: (text) => process.stderr.write(text),
  sleep: async (ms) => void (await sleep(ms)),
});
