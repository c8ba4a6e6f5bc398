import type { DeskName } from "../desks/simulated-desk.ts";
import { PORT_COUNT } from "../simulator-ports.ts";
import { PortInUseError } from "../stand-in.ts";
import { UsageError } from "./usage-error.ts";

/**
 * Runs a command and ends the process with its exit code: 2 for wrong options, 1 for a port in use or a fault.
 * @param command as a person types it, for the hint at `--help`
 */
export async function runCommand(command: string, run: (args: string[]) => Promise<number>): Promise<void> {
  try {
    process.exitCode = await run(process.argv.slice(2));
  } catch (error) {
    if (isUsageError(error)) {
      const isDesk = /--desk <value>' argument missing/.test(error.message);
      process.stderr.write(
        `${isDesk ? `--desk must be ${DESKS.join(" or ")}` : error.message}\nTry: ${command} -- --help\n`,
      );
      process.exitCode = 2;
    } else {
      const text = error instanceof PortInUseError ? error.message : ((error as Error).stack ?? String(error));
      process.stderr.write(`${text}\n`);
      process.exitCode = 1;
    }
  }
}

/** Ours, or one of `parseArgs`, whose texts name the option. */
function isUsageError(error: unknown): error is Error {
  if (error instanceof UsageError) return true;
  return error instanceof Error && String((error as NodeJS.ErrnoException).code).startsWith("ERR_PARSE_ARGS_");
}

const DESKS: readonly DeskName[] = ["uvdesk", "webhook"];

/** @throws {UsageError} */
export function readDesk(value: string): DeskName {
  const desk = DESKS.find((name) => name === value);
  if (desk !== undefined) return desk;
  throw new UsageError(`--desk must be ${DESKS.join(" or ")}, not "${value}"`);
}

/** @throws {UsageError} */
export function readPort(value: string): number {
  return readWholeNumber("port", value, 1, 65_535 - PORT_COUNT + 1);
}

/** @throws {UsageError} */
export function readWholeNumber(option: string, value: string, least: number, most: number): number {
  const number = value.trim() === "" ? Number.NaN : Number(value);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new UsageError(`--${option} must be a whole number from ${least} to ${most}, not "${value}"`);
}
