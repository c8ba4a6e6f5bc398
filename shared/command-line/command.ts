import type { Api } from "./api.ts";
import { UsageError } from "./usage-error.ts";

/** An option of a command; all of them have a value, unless `type` says that they are switches. */
interface CommandOption {
  readonly type: "string" | "boolean";
  readonly help: string;
  readonly isRequired?: boolean;
}

export interface CommandResult {
  /** For programs. */
  readonly json: unknown;
  /** For people; ends in a line break. */
  readonly text: string;
  /** It was done, and what it found is bad: exit code 1. */
  readonly failed?: boolean;
}

/** What a command gets. */
interface CommandContext {
  readonly api: Api;
  /** A word behind the command's name; "" where it is missing and may be. */
  argument(name: string): string;
  option(name: string): string | undefined;
  has(name: string): boolean;
  /** Tells a person what is going on. */
  progress(text: string): void;
  readonly sleep: (ms: number) => Promise<void>;
}

export interface Command {
  /** What is typed, such as "mailboxes quarantine list". */
  readonly name: string;
  /** Words behind it; those in brackets may be missing. */
  readonly arguments: readonly string[];
  readonly help: string;
  readonly options?: Readonly<Record<string, CommandOption>>;
  run(context: CommandContext): Promise<CommandResult>;
}

/** @throws {UsageError} */
export function wholeNumber(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new UsageError(`--${name} must be a whole number, not "${text}"`);
}

/** A query of what is there. */
export function query(values: Readonly<Record<string, string | number | undefined>>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) parameters.set(name, String(value));
  return parameters.size === 0 ? "" : `?${parameters}`;
}
