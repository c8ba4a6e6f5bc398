import { execFile } from "node:child_process";
import path from "node:path";

interface ScriptRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one of the simulator's commands as npm would, in a process of its own. */
export function runScript(name: string, args: readonly string[]): Promise<ScriptRun> {
  return new Promise((resolve) => {
    const script = path.join(import.meta.dirname, "..", name);
    const child = execFile(process.execPath, [script, ...args], (_, stdout, stderr) => {
      resolve({ code: child.exitCode ?? -1, stdout, stderr });
    });
  });
}
