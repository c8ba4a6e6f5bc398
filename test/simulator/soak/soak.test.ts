import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runScript } from "../run/run-script.ts";
import { createSeededRandom } from "./seeded-random.ts";
import { createSoakMails, messageIdOf } from "./soak-mails.ts";

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

  it("explains itself", async () => {
    const { code, stdout } = await runScript("soak.ts", ["--help"]);
    assert.equal(code, 0);
    assert.match(stdout, /--hours N/);
  });

  it("refuses what it does not know", async () => {
    for (const args of [
      ["--hour", "2"],
      ["--hours", "0"],
      ["--tables", "paper"],
      ["--hours", "1.5"],
      ["--seed", "x"],
      ["--mailboxes", "0"],
      ["--tick", "7"],
      ["--troubles"],
      ["--desk", "paper"],
    ]) {
      const { code, stderr } = await runScript("soak.ts", args);
      assert.equal(code, 2, `${args}: ${stderr}`);
      assert.match(stderr, new RegExp(`${args[0]}`));
    }
  });
});

describe("the mails of the endurance run", () => {
  it("are the same for the same seed, and each has its own Message-ID", () => {
    const draw = (seed: number) => {
      const nextMail = createSoakMails(createSeededRandom(seed));
      return Array.from({ length: 200 }, () => nextMail());
    };
    assert.deepEqual(draw(5), draw(5));
    assert.notDeepEqual(draw(5), draw(6));
    const mails = draw(5);
    assert.equal(new Set(mails.map(({ messageId }) => messageId)).size, 200);
    for (const { bytes, messageId } of mails) assert.equal(messageIdOf(bytes), messageId);
  });

  it("have one header of each kind, and the bodies of the samples", () => {
    const nextMail = createSoakMails(createSeededRandom(1));
    for (let count = 0; count < 100; count += 1) {
      const { name, bytes } = nextMail();
      const text = bytes.toString("latin1");
      const header = text.slice(0, /\r?\n\r?\n/.exec(text)?.index);
      assert.equal(header.match(/^message-id:/gim)?.length, 1, name);
      assert.ok((header.match(/^in-reply-to:/gim)?.length ?? 0) <= 1, name);
      assert.equal(header.match(/^references:/gim), null, name);
      assert.match(header, /^from:/im);
      assert.match(header, /^subject:/im);
    }
  });
});
