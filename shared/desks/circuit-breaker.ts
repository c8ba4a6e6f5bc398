import type { DeskCode } from "./desk.ts";

/** What is wrong with a desk as a whole. */
export interface DeskFailure {
  readonly code: DeskCode;
  readonly words: string;
  readonly retryAfterMs: number | undefined;
}

/** What a run found out about the desk; `unknown` where it did not come to ask it. */
export type DeskCondition =
  | { readonly kind: "well" | "unknown" }
  | { readonly kind: "failing"; readonly failure: DeskFailure };

/** Mail may be offered to the desk. */
export interface ClosedCircuit {
  /** half-open: the desk failed the last time; one message first, and nobody else tries it meanwhile. */
  readonly kind: "closed" | "half-open";
  /** When it took something after it had failed; `undefined` where it never did. */
  readonly recoveredAt: Date | undefined;
  /** Says afterwards how the desk was. */
  report(condition: DeskCondition): Promise<void>;
}

/** open: the desk failed, and is left alone for a while. */
export type CircuitState = { readonly kind: "open"; readonly failure: DeskFailure } | ClosedCircuit;

/** A desk that is left alone. */
export interface OpenCircuit {
  readonly desk: string;
  readonly code: DeskCode;
  readonly since: Date;
  readonly until: Date;
}

export interface CircuitBreaker {
  /** Asks whether mail may be offered to the desk. */
  ask(desk: string): Promise<CircuitState>;
  /** Lets the next run try the desk at once. */
  halfOpen(desk: string): Promise<void>;
  /** Those that fail, in one query; `until` may be over where nobody has tried them since. */
  list(): Promise<OpenCircuit[]>;
}
