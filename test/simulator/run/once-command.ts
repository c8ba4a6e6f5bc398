import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { DeskName } from "../desks/simulated-desk.ts";
import type { LogLine } from "../host/host-invocations.ts";
import { readMailFolder, sampleMails } from "../mails/sample-mails.ts";
import type { Ports } from "../simulator-ports.ts";
import type { MailOutcome, OnceReport } from "./once.ts";
import { UsageError } from "./usage-error.ts";

const EXPLAINED = ["refused", "quarantined", "gone", "pending", "missing"] as const;

interface OnceCommandOptions {
  /** Holds the `.eml` files; without it the sample mails are taken. */
  readonly mailFolder: string | undefined;
  /** Gets what the desk received; without it nothing is written. */
  readonly outFolder: string | undefined;
  readonly desk: DeskName;
  readonly ports: Ports;
  print(line: string): void;
  log(line: LogLine): void;
}

/**
 * `npm start -- --once`: prints what became of the mails. Gives the exit code: 0 only where every mail is accounted
 * for and every delivered one is there, byte for byte as the desk has it.
 * @throws {UsageError} where a folder cannot be used, or holds no mail
 */
export async function onceCommand(options: OnceCommandOptions): Promise<number> {
  const { print, desk, ports, log } = options;
  const startedAt = performance.now();
  const mails = readMails(options.mailFolder);
  if (options.outFolder !== undefined) createFolder(options.outFolder);
  if (mails.length === 0) throw new UsageError(`--mail: there is no .eml file below ${options.mailFolder}`);
  // Loaded only here: a wrong folder need not wait for it.
  const { runOnce } = await import("./once.ts");
  const report = await runOnce({ mails, desk, ports, log });
  if (options.outFolder !== undefined) writeReceived(options.outFolder, report.outcomes);
  for (const line of summary(report, performance.now() - startedAt)) print(line);
  if (options.outFolder !== undefined) print(`Delivered mails, as the desk received them: ${options.outFolder}`);
  return isComplete(report) ? 0 : 1;
}

function readMails(folder: string | undefined) {
  if (folder === undefined) return sampleMails();
  try {
    return readMailFolder(folder);
  } catch (error) {
    throw new UsageError(`--mail: ${(error as Error).message}`);
  }
}

function createFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true });
    // Whether files can be written is asked by writing one: a run of an hour must not end with this.
    const probe = path.join(folder, `.deskpost-${process.pid}`);
    writeFileSync(probe, "");
    rmSync(probe);
  } catch (error) {
    throw new UsageError(`--out: ${folder} cannot be made a folder with files in it (${(error as Error).message})`);
  }
}

function writeReceived(folder: string, outcomes: readonly MailOutcome[]): void {
  for (const { name, received } of outcomes) {
    if (received === undefined) continue;
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, received);
  }
}

function isComplete({ outcomes }: OnceReport): boolean {
  return outcomes.every(({ state, received }) => {
    if (state === "delivered") return received !== undefined;
    return state === "refused" || state === "quarantined";
  });
}

function summary({ outcomes, graphRequests, tokenRequests, simulatedMs }: OnceReport, realMs: number): string[] {
  const count = (state: MailOutcome["state"]) => outcomes.filter((outcome) => outcome.state === state).length;
  const explained = EXPLAINED.flatMap((state) =>
    outcomes
      .filter((outcome) => outcome.state === state)
      .map(({ name, answer }) => `  ${state.padEnd(11)}  ${name}${answer && `: ${answer}`}`),
  );
  // What the desk may lack of a mail that it took.
  const doubted = outcomes.flatMap(({ state, name, answer }) => {
    const [, ...doubts] = answer.split("; ");
    return state === "delivered" && doubts.length > 0 ? [`  doubtful     ${name}: ${doubts.join("; ")}`] : [];
  });
  const unaccounted = count("gone") + count("missing");
  return [
    `${outcomes.length} ${outcomes.length === 1 ? "mail" : "mails"} found`,
    `  ${count("delivered")} delivered, ${count("refused")} refused, ${count("quarantined")} quarantined, ${count("pending")} pending`,
    ...(unaccounted === 0 ? [] : [`  ${unaccounted} unaccounted for`]),
    `  ${graphRequests} Graph requests, ${tokenRequests} token requests`,
    `  ${(realMs / 1_000).toFixed(1)} seconds, for ${hours(simulatedMs)} of simulated time`,
    ...explained,
    ...doubted,
  ];
}

function hours(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  return minutes < 120 ? `${minutes} minutes` : `${(minutes / 60).toFixed(1)} hours`;
}
