import assert from "node:assert/strict";
import { type GraphTestHarness, IMMUTABLE, jsonOf, useGraph } from "./graph-test-harness.ts";

interface DeltaItem {
  readonly id: string;
  readonly "@removed"?: { readonly reason: string };
  readonly [property: string]: unknown;
}

interface DeltaPage {
  readonly value: DeltaItem[];
  readonly next: string | undefined;
  readonly end: string | undefined;
}

interface DeltaHarness {
  readonly harness: GraphTestHarness;
  page(link: string, prefer?: string): Promise<DeltaPage>;
  /** All items of a round, and its delta link. */
  round(link: string, prefer?: string): Promise<{ items: DeltaItem[]; link: string }>;
}

/** Where the first round of the inbox begins. */
export const INBOX_DELTA = "/mailFolders/inbox/messages/delta";

/** A fresh Graph for each test of the file, and a client that follows its delta links. */
export function useDelta(random?: () => number): DeltaHarness {
  const harness = useGraph(random);

  async function page(link: string, prefer = IMMUTABLE): Promise<DeltaPage> {
    const body = await jsonOf(await harness.get(link, { prefer }));
    return {
      value: body.value as DeltaItem[],
      next: body["@odata.nextLink"] as string | undefined,
      end: body["@odata.deltaLink"] as string | undefined,
    };
  }

  return {
    harness,
    page,
    round: async (link, prefer) => {
      const items: DeltaItem[] = [];
      for (let current: string | undefined = link; current !== undefined; ) {
        const { value, next, end }: DeltaPage = await page(current, prefer);
        items.push(...value);
        if (end !== undefined) return { items, link: end };
        current = next;
      }
      return assert.fail("a page had neither a nextLink nor a deltaLink");
    },
  };
}

export function idsOf(items: readonly DeltaItem[]): string[] {
  return items.map((item) => item.id).sort();
}
