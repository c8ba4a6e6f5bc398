import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";

const ROOT = path.join(import.meta.dirname, "..");
const TREE = [
  "package.json",
  "host.json",
  "functions",
  "shared",
  "test/simulator",
  "test/dev.ts",
  "test/bundle-options.ts",
];
/** Below the ports that systems give out by themselves; each process has a range of its own. */
const FIRST_PORT = 20_000 + (process.pid % 900) * 12;

describe("npm run dev", () => {
  let copy: string;
  let dev: ChildProcess;
  let told = "";

  before(async () => {
    copy = await mkdtemp(path.join(tmpdir(), "deskpost-dev-"));
    for (const part of TREE) await cp(path.join(ROOT, part), path.join(copy, part), { recursive: true });
    await symlink(path.join(ROOT, "node_modules"), path.join(copy, "node_modules"));
    dev = spawn(process.execPath, [path.join(copy, "test/dev.ts"), "--port", String(FIRST_PORT)], { cwd: copy });
    for (const stream of [dev.stdout, dev.stderr]) stream?.on("data", (chunk) => (told += String(chunk)));
  });

  after(async () => {
    if (dev.exitCode === null) {
      dev.kill("SIGTERM");
      await once(dev, "exit");
    }
    await rm(copy, { recursive: true, force: true });
  });

  /** The page for an invitation that nobody gave out. */
  async function served(): Promise<string> {
    const signal = AbortSignal.timeout(3_000);
    return (await fetch(`http://127.0.0.1:${FIRST_PORT}/api/invitation?invitation=x`, { signal })).text();
  }

  async function untilServed(words: RegExp): Promise<void> {
    for (let attempt = 0; attempt < 240; attempt += 1) {
      const page = await served().catch(() => "");
      if (words.test(page)) return;
      await setTimeout(250);
    }
    assert.fail(`${words} was not served; it told:\n${told}`);
  }

  it("serves a changed source on the same port, and what ran before while a source does not compile", async () => {
    await untilServed(/<title>/);
    const file = path.join(copy, "shared/web/invitation-page.ts");
    const before = await readFile(file, "utf8");

    await writeFile(file, `${before}\nexport const faulty = ;\n`);
    while (!/Unexpected ";".*build finished/s.test(told)) await setTimeout(100);
    assert.ok(existsSync(path.join(copy, "dist/main.cjs")), "the bundle of before is gone");
    assert.match(await served(), /Nothing to connect/);

    await writeFile(file, before.replaceAll("Nothing to connect", "Nothing at all to connect"));
    await untilServed(/Nothing at all to connect/);
  });
});
