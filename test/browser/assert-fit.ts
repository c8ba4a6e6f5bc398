import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { WIDE } from "./browser-world.ts";

/** Read as text: it runs in the browser, and its types want one, too. */
const AXE = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");
/** WCAG 2.2 up to AA, and what axe-core knows besides. https://github.com/dequelabs/axe-core/blob/develop/doc/API.md#axe-core-tags */
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** The narrowest page that WCAG asks for. https://www.w3.org/WAI/WCAG22/Understanding/reflow */
const NARROW = { width: 320, height: 640 };
const LOOKS = [
  { colorScheme: "light", viewport: WIDE },
  { colorScheme: "dark", viewport: NARROW },
] as const;

interface Violation {
  readonly id: string;
  readonly help: string;
  readonly nodes: readonly { readonly html: string }[];
}

/**
 * What holds for every page: axe-core finds nothing in light or dark, and nothing has to be scrolled sideways, however
 * narrow the window.
 * @param exceptRules of axe-core, that cannot hold for this page
 */
export async function assertFit(page: Page, exceptRules: readonly string[] = []): Promise<void> {
  const title = await page.title();
  for (const { colorScheme, viewport } of LOOKS) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await violations(page, exceptRules), [], `“${title}”, ${colorScheme}, ${viewport.width} px`);
    const beyond = await page.evaluate<number>(
      "document.documentElement.scrollWidth - document.documentElement.clientWidth",
    );
    assert.equal(beyond, 0, `“${title}” goes ${beyond} px beyond a window of ${viewport.width} px`);
  }
  await page.setViewportSize(WIDE);
}

async function violations(page: Page, exceptRules: readonly string[]): Promise<string[]> {
  // By the browser's debugger, which the page's policy does not concern.
  await page.evaluate(AXE);
  const rules = Object.fromEntries(exceptRules.map((id) => [id, { enabled: false }]));
  const options = JSON.stringify({ runOnly: RULES, rules });
  const results = await page.evaluate<{ violations: Violation[] }>(`axe.run(document, ${options})`);
  return results.violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(" ")}`);
}
