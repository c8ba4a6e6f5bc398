import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { env } from "node:process";
import { after, before } from "node:test";

/** Gives the process of a test file a temporary folder of its own: others have files in the common one. */
export function useOwnTemporaryFolder(): void {
  let own: string;

  before(async () => {
    own = await mkdtemp(path.join(tmpdir(), "deskpost-test-"));
    env.TMPDIR = own;
  });
  after(() => rm(own, { recursive: true }));
}
