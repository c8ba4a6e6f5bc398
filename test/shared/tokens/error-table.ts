import { readFileSync } from "node:fs";
import path from "node:path";
import type { RefusalClass } from "../../../shared/tokens/entra-errors.ts";

/** A row of the table of AADSTS numbers. */
export interface ErrorRow {
  readonly codes: readonly number[];
  readonly meaning: string;
  readonly class: RefusalClass;
  /** Whether it concerns the whole app. */
  readonly alarm: boolean;
}

/** What README.md of shared/tokens tells about refusals. */
export interface ErrorTable {
  readonly rows: readonly ErrorRow[];
  /** What the page says, by class; "AADSTS…" stands for the number. */
  readonly sentences: ReadonlyMap<string, string>;
}

const README = path.join(import.meta.dirname, "..", "..", "..", "shared", "tokens", "README.md");
const CLASSES: readonly RefusalClass[] = ["owner", "tenant-admin", "app", "passing"];

/** Reads both tables out of the README, so that what is written there is what is tested. */
export function readErrorTable(): ErrorTable {
  const lines = readFileSync(README, "utf8").split("\n");
  const cells = lines.filter((line) => line.startsWith("|")).map((line) => line.split("|").map((cell) => cell.trim()));
  const rows: ErrorRow[] = [];
  const sentences = new Map<string, string>();
  for (const [, first = "", second = "", third = ""] of cells) {
    const kind = CLASSES.find((name) => name === third.replace(", alarm", ""));
    if (/^\d+(?:, \d+)*$/.test(first) && kind !== undefined) {
      rows.push({ codes: first.split(", ").map(Number), meaning: second, class: kind, alarm: third.endsWith("alarm") });
    }
    if (CLASSES.some((name) => name === first)) sentences.set(first, third);
  }
  return { rows, sentences };
}
