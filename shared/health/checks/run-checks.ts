import { AppError, codeOf } from "../../platform/errors.ts";
import { TimeLimitError, withTimeout } from "../../platform/with-timeout.ts";
import { redact } from "../../telemetry/redact.ts";

/** Facts that show what was found: ids, times, codes, counts. Never a secret, never anything of a mail. */
export type Evidence = Readonly<Record<string, string | number | boolean | Date | undefined>>;

export interface Finding {
  readonly result: "ok" | "warning" | "failed";
  readonly evidence: Evidence;
  /** What to change, and where; for whatever is not ok. */
  readonly remedy?: string | undefined;
}

export interface CheckStep {
  readonly name: string;
  readonly result: Finding["result"] | "skipped";
  readonly evidence: Evidence;
  readonly remedy: string | undefined;
  readonly durationMs: number;
}

export interface Check {
  readonly name: string;
  /** Names of checks before this one, without which it says nothing. */
  readonly needs: readonly string[];
  readonly limitMs: number;
  /** What to look at where it fails without saying more, or does not end in time. */
  readonly remedy: string;
  run(): Promise<Finding>;
}

/** Runs all checks side by side, each within its limit; those that need one that failed are skipped, no others. */
export async function runChecks(checks: readonly Check[], now: () => Date): Promise<CheckStep[]> {
  const steps = new Map<string, Promise<CheckStep>>();

  async function step({ name, needs, limitMs, remedy, run }: Check): Promise<CheckStep> {
    for (const need of needs) {
      const before = await steps.get(need);
      if (before === undefined) throw new Error(`The check "${name}" needs "${need}", which does not come before it`);
      if (before.result === "failed" || before.result === "skipped") {
        const because = `Not tried: "${need}" has to be in order first.`;
        return { name, result: "skipped", evidence: {}, remedy: because, durationMs: 0 };
      }
    }
    const startedAt = now().getTime();
    const found = await findingOf(withTimeout(limitMs, run()), remedy);
    return { name, remedy: undefined, ...found, durationMs: now().getTime() - startedAt };
  }

  for (const check of checks) steps.set(check.name, step(check));
  return Promise.all(steps.values());
}

async function findingOf(running: Promise<Finding>, remedy: string): Promise<Finding> {
  try {
    return await running;
  } catch (error) {
    const evidence = evidenceOf(error);
    // Law 9: our own errors say what to do; of others the code alone is shown, because their texts can hold anything.
    if (error instanceof AppError) return { result: "failed", evidence, remedy: redact(error.message) };
    if (error instanceof TimeLimitError)
      return { result: "failed", evidence, remedy: `It gave ${error.message}. ${remedy}` };
    return { result: "failed", evidence, remedy };
  }
}

/** The code of an error, and what Microsoft answered, where it did: its support asks for these. */
export function evidenceOf(error: unknown): Evidence {
  const { answer, traceId } = (error ?? {}) as { answer?: Record<string, unknown>; traceId?: unknown };
  const { status, graphCode, requestId, codes } = answer ?? {};
  return {
    code: codeOf(error),
    ...(typeof status === "number" && { status }),
    ...(typeof graphCode === "string" && { graphCode }),
    ...(typeof requestId === "string" && { requestId }),
    ...(Array.isArray(codes) && codes.length > 0 && { entraCode: `AADSTS${codes[0]}` }),
    ...(typeof traceId === "string" && { traceId }),
  };
}
