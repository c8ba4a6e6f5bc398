import type { Page } from "playwright-core";

/** More than any page here has. */
const MOST_STOPS = 100;

/**
 * Walks with the Tab key to the link, button or field of this name.
 * @throws {Error} where the key never leads there
 */
export async function tabTo(page: Page, name: string): Promise<void> {
  const seen: string[] = [];
  for (let stop = 0; stop < MOST_STOPS; stop += 1) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate<string>(
      "document.activeElement?.ariaLabel || document.activeElement?.textContent || ''",
    );
    if (focused.trim() === name) return;
    seen.push(focused.trim());
  }
  throw new Error(`The Tab key never leads to “${name}”, but to: ${seen.join(", ")}`);
}
