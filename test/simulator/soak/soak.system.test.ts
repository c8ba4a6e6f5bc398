import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runScript } from "../run/run-script.ts";

describe("npm run soak", () => {
  it("brings every mail of two hours to the desk, once, across the end of an access token", async () => {
    const { code, stdout, stderr } = await runScript("soak.ts", ["--hours", "2", "--seed", "7"]);
    assert.equal(code, 0, stdout + stderr);
    const row = (name: string) => new RegExp(`^${name} +(\\S+)`, "m").exec(stdout)?.[1];
    assert.ok(Number(row("mails arrived")) > 30, stdout);
    assert.equal(row("delivered"), row("mails arrived"));
    assert.equal(row("lost"), "0");
    assert.equal(row("doubled"), "0");
    assert.equal(row("errors \\(failed invocations\\)"), "0");
    assert.ok(Number(row("access tokens refreshed")) >= 1, stdout);
  });

  for (const tables of ["azurite", "memory"]) {
    it(`brings every mail to the desk through all troubles, and asks a person only where Microsoft does (${tables})`, async () => {
      const options = [
        "--hours",
        "336",
        "--tick",
        "60",
        "--mailboxes",
        "2",
        "--troubles",
        "--seed",
        "3",
        "--tables",
        tables,
      ];
      const { code, stdout, stderr } = await runScript("soak.ts", options);
      assert.equal(code, 0, stdout + stderr);
      const row = (name: string) => new RegExp(`^ *${name} +(\\S+)`, "m").exec(stdout)?.[1];
      assert.ok(Number(row("mails arrived")) > 100, stdout);
      assert.equal(row("delivered"), row("mails arrived"));
      assert.equal(row("outages played"), "5");
      assert.equal(row("requests to a person"), "1");
      assert.equal(row("that Microsoft demanded"), "1");
      assert.equal(row("times that an administrator was needed"), "1");
      assert.equal(row("errors \\(failed invocations\\)"), "0");
      assert.ok(Number(row("failed while storage was down, as expected")) > 0, stdout);
    });
  }
});
