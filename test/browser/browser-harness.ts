import assert from "node:assert/strict";
import { after, afterEach, before } from "node:test";
import type { BrowserContextOptions, Page } from "playwright-core";
import { type BrowserWorld, startBrowserWorld } from "./browser-world.ts";

/** The same, for a test file. What a browser complained about fails the test. */
export function useBrowserHarness(): Omit<BrowserWorld, "browser" | "stop"> {
  let world: BrowserWorld;
  const complaints: string[] = [];

  before(async () => {
    world = await startBrowserWorld();
  });

  afterEach(async () => {
    for (const context of world.browser.contexts()) await context.close();
    assert.deepEqual(complaints.splice(0), [], "the browser has nothing to complain about");
  });

  after(() => world.stop());

  function watched(page: Page): Page {
    page.on("console", (message) => {
      // A page of status 400 is what many of these tests want to see.
      const isStatus = message.text().startsWith("Failed to load resource");
      if (message.type() === "error" && !isStatus) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("dialog", (dialog) => complaints.push(`dialog: ${dialog.message()}`));
    return page;
  }

  return {
    get simulator() {
      return world.simulator;
    },
    get deskpost() {
      return world.deskpost;
    },
    get listUrl() {
      return world.listUrl;
    },
    somebody: async (options?: BrowserContextOptions) => watched(await world.somebody(options)),
    administrator: async (options?: BrowserContextOptions) => watched(await world.administrator(options)),
  };
}
