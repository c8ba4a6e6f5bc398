import assert from "node:assert/strict";
import fs from "node:fs";
import { mkdtemp, open, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { createDisk, DISK_FOLDER, type DiskFunctions } from "../dst/disk.ts";

/** What the simulation's disk has in common with a real one, as far as Deskpost can see. */
function diskContract(name: string, disk: DiskFunctions, folder: () => string): void {
  const file = (its: string) => path.join(folder(), its);
  const bytesOf = async (its: string) => Buffer.from(await (await disk.openAsBlob(file(its))).arrayBuffer()).toString();

  describe(`${name}`, () => {
    it("holds what is written, one write after the other", async () => {
      const handle = await disk.open(file("written"), "wx", 0o600);
      for (const word of ["one, ", "two"]) await handle.writeFile(Buffer.from(word));
      await handle.close();
      await handle.close();
      assert.equal(await bytesOf("written"), "one, two");
      assert.ok((await disk.readdir(folder())).includes("written"));
    });

    it("is read part by part, or from a place", async () => {
      const handle = await disk.open(file("written"), "r");
      const buffer = Buffer.alloc(5);
      const read = async (position: number | null) => {
        const { bytesRead } = await handle.read(buffer, 0, 5, position);
        return buffer.subarray(0, bytesRead).toString();
      };
      assert.deepEqual([await read(null), await read(null), await read(null)], ["one, ", "two", ""]);
      assert.equal(await read(4), " two");
      await handle.close();
      await assert.rejects(handle.read(buffer, 0, 5, 0), { code: "EBADF" });
    });

    it("keeps a file that is removed while it is open, for whoever has it open", async () => {
      const handle = await disk.open(file("removed"), "wx");
      await handle.writeFile(Buffer.from("here"));
      await disk.rm(file("removed"));
      await handle.writeFile(Buffer.from(" still"));
      await handle.close();
      assert.ok(!(await disk.readdir(folder())).includes("removed"));
    });

    it("has no file twice, and none that is not there", async () => {
      await assert.rejects(disk.open(file("written"), "wx"), { code: "EEXIST" });
      await assert.rejects(disk.open(file("missing"), "r"), { code: "ENOENT" });
      await assert.rejects(disk.open(path.join(folder(), "missing", "file"), "wx"), { code: "ENOENT" });
      await assert.rejects(disk.rm(file("missing")), { code: "ENOENT" });
      await disk.rm(file("missing"), { force: true });
    });
  });
}

describe("the contract of a disk", () => {
  let folder = "";
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "disk-contract-"));
  });
  after(() => rm(folder, { recursive: true }));

  const real = { open, readdir: (its: string) => readdir(its), rm, openAsBlob: fs.openAsBlob };
  diskContract("the real one", real, () => folder);
  const simulated = createDisk({ operate: (_, effect) => effect(), fault: () => undefined });
  diskContract("in the simulation", simulated, () => DISK_FOLDER);
});
