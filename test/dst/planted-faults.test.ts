import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { describe, it } from "node:test";
import { PLANTED_FAULTS } from "./planted-faults.ts";

const ROOT = path.join(import.meta.dirname, "..", "..");

describe("planted faults", () => {
  it("find the text that they replace, once, in the product as it is", async () => {
    const unplantable: string[] = [];
    for (const { name, edits } of PLANTED_FAULTS) {
      for (const { file, find } of edits) {
        const times = (await readFile(path.join(ROOT, file), "utf8")).split(find).length - 1;
        if (times !== 1) unplantable.push(`"${name}": ${times} times in ${file}:\n${find}`);
      }
    }
    assert.deepEqual(unplantable, [], "change planted-faults.ts along with the product");
  });
});
