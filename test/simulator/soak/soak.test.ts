import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { runScript } from "../run/run-script.ts";
import { createSeededRandom } from "./seeded-random.ts";
import { createSoakMails, messageIdOf } from "./soak-mails.ts";

describe("npm run soak", () => {
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
