import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { cutText } from "../../../shared/platform/cut-text.ts";

const FAMILY = "👨‍👩‍👧‍👦";
const FLAG = "🇯🇵";

describe("a text that is cut", () => {
  it("stays as it is where it fits, and else ends with dots, of which the limit counts one", () => {
    assert.equal(cutText("abcde", 5), "abcde");
    assert.equal(cutText("abcdef", 5), "abcd…");
    assert.equal(cutText("abcdef", 5, ""), "abcde");
    assert.equal(cutText("", 5), "");
  });

  for (const [what, character] of [
    ["an emoji", "😀"],
    ["a family of emoji", FAMILY],
    ["a flag", FLAG],
    ["a letter with its accent apart", "e\u0301"],
    ["a syllable of Hindi", "क्षि"],
    ["a line end of two characters", "\r\n"],
  ] as const) {
    it(`is never cut within ${what}`, () => {
      for (let before = 0; before < 20; before += 1) {
        const cut = cutText(`${"x".repeat(before)}${character}${"y".repeat(20)}`, 12, "");
        assert.ok(cut.endsWith(character) || /^[xy]*$/.test(cut.replace(character, "")), JSON.stringify(cut));
        assert.ok(!cut.includes(character.slice(0, 1)) || cut.includes(character), JSON.stringify(cut));
      }
    });
  }

  it("is cut between code points where a letter carries marks without end", () => {
    assert.equal(cutText(`a${"\u0301".repeat(100)}`, 10, "").length, 10);
    assert.equal(cutText(`😀${"\u200d😀".repeat(100)}`, 7, ""), "😀\u200d😀\u200d");
  });

  it("loses half characters that it had before", () => {
    assert.equal(cutText("a\ud83d", 10), "a\ufffd");
  });

  it("is whatever it is: no longer than it may be, well-formed, and the beginning of the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), fc.integer({ min: 2, max: 30 }), (text, limit) => {
        const cut = cutText(text, limit, "");
        assert.ok(cut.length <= limit && cut.isWellFormed() && text.startsWith(cut));
      }),
    );
  });
});
