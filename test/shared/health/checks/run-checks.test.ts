import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { appChecks } from "../../../../shared/health/checks/app-checks.ts";
import type { DiagnosticsDeps } from "../../../../shared/health/checks/diagnostics.ts";
import { mailboxChecks } from "../../../../shared/health/checks/mailbox-checks.ts";
import { type Check, runChecks } from "../../../../shared/health/checks/run-checks.ts";
import { AppError } from "../../../../shared/platform/errors.ts";
import { validMailbox } from "../../mailboxes/valid-mailbox.ts";

const now = () => new Date();
const ok = { result: "ok", evidence: {} } as const;

function check(name: string, changes: Partial<Check> = {}): Check {
  return { name, needs: [], limitMs: 1_000, remedy: `Look at ${name}.`, run: async () => ok, ...changes };
}

describe("checks", () => {
  it("end in time whatever hangs, and none stops another", async () => {
    const steps = await runChecks(
      [
        check("hangs", { limitMs: 20, run: () => new Promise(() => {}) }),
        check("needs it", { needs: ["hangs"] }),
        check("needs that", { needs: ["needs it"] }),
        check("alone"),
      ],
      now,
    );
    assert.deepEqual(
      steps.map(({ result, remedy }) => [result, remedy]),
      [
        ["failed", "It gave no answer within 0.02 s. Look at hangs."],
        ["skipped", 'Not tried: "hangs" has to be in order first.'],
        ["skipped", 'Not tried: "needs it" has to be in order first.'],
        ["ok", undefined],
      ],
    );
    assert.equal(steps[0]?.evidence.code, "TIME_LIMIT");
  });

  it("show our own errors with what they say, and of any other the code alone", async () => {
    const failing = (error: Error) => check("failing", { run: () => Promise.reject(error) });
    const foreign = Object.assign(new Error("Bearer eyJ0.secret of spy@example.org"), { code: "ECONNRESET" });
    const [own, other] = await runChecks(
      [failing(new AppError("KEY_VAULT_UNAVAILABLE", "give it the role; refresh_token=abc"))].concat({
        ...failing(foreign),
        name: "other",
      }),
      now,
    );
    assert.deepEqual(
      [own?.evidence, own?.remedy],
      [{ code: "KEY_VAULT_UNAVAILABLE" }, "give it the role; refresh_token=[redacted]"],
    );
    assert.deepEqual([other?.evidence, other?.remedy], [{ code: "ECONNRESET" }, "Look at failing."]);
  });

  it("of a mailbox take less than 30 seconds together, its own row included", () => {
    const LOOKUP_MS = 4_000;
    for (const authentication of ["client-secret", "federated-credential"] as const) {
      const deps = { config: { tenant: undefined, authentication } } as DiagnosticsDeps;
      for (const mailbox of [{ ...validMailbox(), etag: "" }, undefined]) {
        const checks = [...appChecks(deps, mailbox), ...mailboxChecks(deps, mailbox, { testMessage: true })];
        const ends = new Map<string, number>();
        for (const { name, needs, limitMs } of checks)
          ends.set(name, limitMs + Math.max(LOOKUP_MS, ...needs.map((need) => ends.get(need) ?? assert.fail(need))));
        assert.ok(Math.max(...ends.values()) < 30_000, JSON.stringify([...ends]));
        assert.equal(checks.length, 11);
      }
    }
  });
});
