import { createHash } from "node:crypto";
import type { ChangePage } from "../message-source.ts";

/** A round of more pages than any folder has. */
const PAGES_LIMIT = 20_000;
/** The same page so often again is a cycle; fewer may be Graph repeating itself, which it is allowed to. */
const REPEATS_LIMIT = 3;
/** Pages may be empty with a link to the next: https://learn.microsoft.com/graph/delta-query-overview */
const EMPTY_REPEATS_LIMIT = 200;

interface Seen {
  readonly pages: number;
  /** Fingerprint of the page that the others are compared with. */
  readonly anchor: string;
  readonly repeats: number;
}

/**
 * Looks at the pages of a round, of which Graph at times makes no end: https://learn.microsoft.com/answers/a/12762375.
 * Brent's way of finding a cycle: each page is compared with one that was kept, and the kept one is replaced at the 1st,
 * 2nd, 4th, 8th … page, so that a cycle of any length is found by remembering a single page.
 *
 * @param memory what it gave for the page before; `undefined` at the first
 * @param asked the link that gave the page
 */
export function detectCycle(
  memory: string | undefined,
  page: ChangePage,
  asked: string | undefined,
): { readonly memory: string; readonly isCycle: boolean } {
  const before = memory === undefined ? undefined : (JSON.parse(memory) as Seen);
  const pages = (before?.pages ?? 0) + 1;
  const mark = fingerprint(page);
  const isPowerOfTwo = (pages & (pages - 1)) === 0;
  const seen: Seen =
    before === undefined || isPowerOfTwo
      ? { pages, anchor: mark, repeats: 0 }
      : { pages, anchor: before.anchor, repeats: before.repeats + (mark === before.anchor ? 1 : 0) };
  const limit = page.messages.length === 0 ? EMPTY_REPEATS_LIMIT : REPEATS_LIMIT;
  const isCycle = page.link === asked || pages >= PAGES_LIMIT || (mark === seen.anchor && seen.repeats >= limit);
  return { memory: JSON.stringify(seen), isCycle };
}

function fingerprint({ messages }: ChangePage): string {
  const text = messages.map(({ id, removed }) => `${id} ${removed}`).join("\n");
  return createHash("sha256").update(text).digest("base64url").slice(0, 16);
}
