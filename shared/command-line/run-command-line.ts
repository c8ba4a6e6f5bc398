import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { createApi, RefusedError, UnreachableError } from "./api.ts";
import type { Command, CommandResult } from "./command.ts";
import { mailboxCommands } from "./mailbox-commands.ts";
import { quarantineCommands } from "./quarantine-commands.ts";
import { UsageError } from "./usage-error.ts";

/** Where `npm start` puts Deskpost, and `func start` too. */
const LOCAL_URL = "http://localhost:7071";

const KEY_GUARD = "key:";

const COMMANDS: readonly Command[] = [...mailboxCommands, ...quarantineCommands];

const COMMON: ParseArgsOptionsConfig = {
  url: { type: "string" },
  key: { type: "string" },
  json: { type: "boolean" },
  help: { type: "boolean" },
};

const COMMON_HELP = `
Common options
  --url URL   where Deskpost runs (default DESKPOST_URL, or else the one of npm start, ${LOCAL_URL})
  --key KEY   a function key (default DESKPOST_KEY, which does not show in the list of processes)
  --json      the answer for programs
  --help      this text

MAILBOX is an address or an id. Exit codes: 0 done; 1 refused, or something is wrong; 2 wrong use; 3 not reachable.
`;

export interface Surroundings {
  /** From the settings DESKPOST_URL and DESKPOST_KEY. */
  readonly target: { readonly url: string | undefined; readonly key: string | undefined };
  write(text: string): void;
  /** For what is not the answer: faults, and how long work goes on. */
  writeAside(text: string): void;
  readonly sleep: (ms: number) => Promise<void>;
}

/** Runs one command against a Deskpost; gives the exit code. */
export async function runCommandLine(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const isForPrograms = args.includes("--json");
  try {
    const { text, json, failed } = await perform(args, surroundings);
    surroundings.write(isForPrograms && json !== undefined ? `${JSON.stringify(json, undefined, 2)}\n` : text);
    return failed ? 1 : 0;
  } catch (error) {
    if (error instanceof RefusedError) {
      const { code, message } = error;
      if (isForPrograms) surroundings.write(`${JSON.stringify({ code, message }, undefined, 2)}\n`);
      else surroundings.writeAside(`${code}: ${message}\n`);
      return 1;
    }
    if (error instanceof UnreachableError) {
      surroundings.writeAside(`${error.message}\n`);
      return 3;
    }
    if (isUsageError(error)) {
      surroundings.writeAside(`${error.message}\nTry: npm run deskpost -- --help\n`);
      return 2;
    }
    throw error;
  }
}

async function perform(args: readonly string[], surroundings: Surroundings): Promise<CommandResult> {
  const command = findCommand(args);
  if (command === undefined) {
    if (args.length === 0 || args.includes("--help")) return { json: undefined, text: helpOfAll() };
    throw new UsageError(`There is no command "${args.filter((arg) => !arg.startsWith("-")).join(" ")}"`);
  }
  const { values, positionals: typed } = parseArgs({
    args: args.slice(wordsOf(command).length).map(guardKey),
    options: { ...COMMON, ...optionsOf(command) },
    allowPositionals: true,
    strict: true,
  });
  if (values.help === true) return { json: undefined, text: helpOf(command) };
  const positionals = typed.map((text) => text.replace(KEY_GUARD, ""));
  checkUse(command, values, positionals);

  const textOf = (name: string) => {
    const value = values[name];
    return typeof value === "string" ? value : undefined;
  };
  const { target, writeAside, sleep } = surroundings;
  const named = textOf("url") ?? target.url;
  const api = createApi({ url: named ?? LOCAL_URL, key: textOf("key") ?? target.key });
  const running = command.run({
    api,
    argument: (name) => positionals[command.arguments.indexOf(name)] ?? "",
    option: textOf,
    has: (name) => values[name] === true,
    progress: (text) => writeAside(`${text}\n`),
    sleep,
  });
  try {
    return await running;
  } catch (error) {
    if (!(error instanceof UnreachableError) || named !== undefined) throw error;
    throw new UnreachableError(`${error.message}\nStart the local one with npm start, or name another with --url`);
  }
}

/** One key of a message in 64 begins with a hyphen, and must not pass for an option. */
function guardKey(argument: string): string {
  return /^-[\w-]{42}$/.test(argument) ? KEY_GUARD + argument : argument;
}

/** The longest name that the arguments begin with. */
function findCommand(args: readonly string[]): Command | undefined {
  const begins = (command: Command) => wordsOf(command).every((word, index) => args[index] === word);
  return COMMANDS.filter(begins).sort((one, other) => wordsOf(other).length - wordsOf(one).length)[0];
}

function wordsOf({ name }: Command): string[] {
  return name.split(" ");
}

function optionsOf({ options = {} }: Command): ParseArgsOptionsConfig {
  return Object.fromEntries(Object.entries(options).map(([name, { type }]) => [name, { type }]));
}

function checkUse(command: Command, values: Readonly<Record<string, unknown>>, positionals: readonly string[]): void {
  const needed = command.arguments.filter((name) => !name.startsWith("["));
  const missing = needed.slice(positionals.length)[0];
  if (missing !== undefined) throw new UsageError(`${missing} is missing: ${usageOf(command)}`);
  const extra = positionals[command.arguments.length];
  if (extra !== undefined) throw new UsageError(`"${extra}" is too much: ${usageOf(command)}`);
  for (const [name, { isRequired }] of Object.entries(command.options ?? {})) {
    if (isRequired && values[name] === undefined) throw new UsageError(`--${name} is missing: ${usageOf(command)}`);
  }
}

function usageOf({ name, arguments: names, options = {} }: Command): string {
  const required = Object.entries(options).flatMap(([option, { isRequired }]) =>
    isRequired ? [`--${option} ${option.toUpperCase()}`] : [],
  );
  const isMore = Object.keys(options).length > required.length;
  return [name, ...names, ...required, ...(isMore ? ["[options]"] : [])].join(" ");
}

function helpOf(command: Command): string {
  const options = Object.entries(command.options ?? {}).map(([name, { help }]) => `  --${name.padEnd(14)} ${help}\n`);
  const own = options.length === 0 ? "" : `\nOptions\n${options.join("")}`;
  return `npm run deskpost -- ${usageOf(command)}\n${command.help}\n${own}${COMMON_HELP}`;
}

function helpOfAll(): string {
  const lines = COMMANDS.map((command) => `  ${usageOf(command)}\n      ${command.help}\n`);
  return `Deskpost from the command line: npm run deskpost -- COMMAND\n\n${lines.join("")}${COMMON_HELP}`;
}

/** Ours, or one of `parseArgs`, whose texts name the option. */
function isUsageError(error: unknown): error is Error {
  if (error instanceof UsageError) return true;
  return error instanceof Error && String((error as NodeJS.ErrnoException).code).startsWith("ERR_PARSE_ARGS_");
}
