import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { env, getuid } from "node:process";
import { after, afterEach, before } from "node:test";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import type { Account } from "../simulator/entra/entra-directory.ts";
import { type Deskpost, startDeskpost } from "../simulator/run/deskpost.ts";
import { type Simulator, startSimulator } from "../simulator/simulator.ts";

const { CHROMIUM_PATH: CHROMIUM = "/usr/bin/chromium" } = env;
/** Read as text: it runs in the browser, and its types want one, too. */
const AXE = readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");
/** For a step of the browser on a busy machine. */
const STEP_LIMIT_MS = 20_000;
/** WCAG 2.2 up to AA, and what axe-core knows besides. https://github.com/dequelabs/axe-core/blob/develop/doc/API.md#axe-core-tags */
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** The narrowest page that WCAG asks for. https://www.w3.org/WAI/WCAG22/Understanding/reflow */
const NARROW = { width: 320, height: 640 };
const WIDE = { width: 1_280, height: 800 };
const LOOKS = [
  { colorScheme: "light", viewport: WIDE },
  { colorScheme: "dark", viewport: NARROW },
] as const;

interface Violation {
  readonly id: string;
  readonly help: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** Deskpost as `npm start` runs it, and people at real browsers. */
export interface BrowserBed {
  readonly simulator: Simulator;
  readonly deskpost: Deskpost;
  /** The list of mailboxes. */
  readonly listUrl: string;
  /** Somebody at a new browser, on an empty page. */
  somebody(options?: BrowserContextOptions): Promise<Page>;
  /** The administrator, signed in, on the list of mailboxes. */
  administrator(options?: BrowserContextOptions): Promise<Page>;
}

/** Starts it all, without any mailbox in the list. What a browser complained about fails the test. */
export function useBrowserBed(): BrowserBed {
  let simulator: Simulator;
  let deskpost: Deskpost;
  let browser: Browser;
  const complaints: string[] = [];

  before(async () => {
    assert.ok(existsSync(CHROMIUM), `There is no Chromium at ${CHROMIUM}: install it, or set CHROMIUM_PATH`);
    simulator = await startSimulator({ ports: "free", desk: "uvdesk" });
    deskpost = await startDeskpost(simulator, { runTimers: false, runQueues: false, log: () => undefined });
    // Chromium's sandbox does not run as root.
    browser = await chromium.launch({ executablePath: CHROMIUM, chromiumSandbox: getuid?.() !== 0 });
  });

  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    assert.deepEqual(complaints.splice(0), [], "the browser has nothing to complain about");
  });

  after(async () => {
    await browser.close();
    await deskpost.stop();
    await simulator.stop();
  });

  async function somebody(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext({ viewport: WIDE, ...options });
    context.setDefaultTimeout(STEP_LIMIT_MS);
    const page = await context.newPage();
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
      return simulator;
    },
    get deskpost() {
      return deskpost;
    },
    get listUrl() {
      return deskpost.api.pageUrl;
    },
    somebody,
    async administrator(options) {
      const page = await somebody(options);
      await page.goto(deskpost.api.pageUrl);
      await consentAs(page, simulator.administrator);
      await page.getByRole("heading", { level: 1, name: "Mailboxes" }).waitFor();
      return page;
    },
  };
}

/** At Microsoft: an account, offered or not. */
export async function pickAccount(page: Page, { userName }: Account): Promise<void> {
  const tile = page.getByRole("button", { name: userName });
  const another = page.getByLabel("Use another account");
  await another.waitFor();
  if ((await tile.count()) > 0) return tile.click();
  await another.fill(userName);
  await page.getByRole("button", { name: "Next" }).click();
}

/** At Microsoft: picks an account and accepts, where that is asked; back at Deskpost. */
export async function consentAs(page: Page, account: Account): Promise<void> {
  await pickAccount(page, account);
  const accept = page.getByRole("button", { name: "Accept" });
  const deskpost = page.locator("header").getByText("Deskpost");
  await accept.or(deskpost).waitFor();
  if ((await accept.count()) > 0) await accept.click();
  await deskpost.waitFor();
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
