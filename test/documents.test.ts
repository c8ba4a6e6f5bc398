import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { glob, readFile } from "node:fs/promises";
import path from "node:path";
import { describe, it } from "node:test";

const ROOT = path.join(import.meta.dirname, "..");
/** What stands in for a name, and what is made only later. */
const NO_FILE = /NAME|FILE|\*|^dist\/|^local\.settings\.json$/;
const FOLDERS =
  "functions|shared|test|infra|findings|platform|telemetry|tokens|activity|mailboxes|desks|mail|health|scheduling|web|command-line|dst|simulator|contracts|packaging|browser|security|session";

const NOT_OURS = new Set(["node_modules", "dist", "CHANGELOG.md"]);

/** Paths in links and in code, such as `mail/ledger/ledger.ts` or [text](../README.md). */
function filesNamedIn(text: string): string[] {
  const links = [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map(([, file = ""]) => file);
  const code = [...text.matchAll(new RegExp(`\`((?:${FOLDERS})/[\\w./*-]*)`, "g"))].map(([, file = ""]) => file);
  return [...links, ...code].filter((file) => !NO_FILE.test(file));
}

describe("documents", () => {
  it("name files that are there", async () => {
    const missing: string[] = [];
    for await (const document of glob("**/*.md", { cwd: ROOT, exclude: (name) => NOT_OURS.has(name) })) {
      const text = await readFile(path.join(ROOT, document), "utf8");
      const from = [path.dirname(document), "", "shared", "test", "shared/mail"];
      for (const file of filesNamedIn(text)) {
        if (!from.some((folder) => existsSync(path.join(ROOT, folder, file)))) missing.push(`${document}: ${file}`);
      }
    }
    assert.deepEqual(missing, []);
  });

  it("for the editor name scripts that there are, and files that are there", async () => {
    const read = async (file: string) => JSON.parse(await readFile(path.join(ROOT, file), "utf8"));
    const { scripts } = await read("package.json");
    const { tasks } = await read(".vscode/tasks.json");
    const { configurations } = await read(".vscode/launch.json");
    const labels = new Set(tasks.map(({ label }: { label: string }) => label));
    for (const { script } of tasks) assert.ok(script === undefined || script in scripts, script);
    for (const { program = "", preLaunchTask } of configurations) {
      assert.ok(preLaunchTask === undefined || labels.has(preLaunchTask), preLaunchTask);
      const file = program.replace(/^\$\{workspaceFolder\}/, ROOT);
      assert.ok(/^(\$\{file\})?$/.test(file) || existsSync(file), program);
    }
  });
});
