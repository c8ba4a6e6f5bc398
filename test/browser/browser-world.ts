import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { env, getuid } from "node:process";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import type { Account } from "../simulator/entra/entra-directory.ts";
import { type Deskpost, startDeskpost } from "../simulator/run/deskpost.ts";
import { type Simulator, startSimulator } from "../simulator/simulator.ts";

const { CHROMIUM_PATH: CHROMIUM = "/usr/bin/chromium" } = env;
/** For a step of the browser on a busy machine. */
const STEP_LIMIT_MS = 20_000;
export const WIDE = { width: 1_280, height: 800 };

/** Deskpost as `npm start` runs it, and people at real browsers. */
export interface BrowserWorld {
  readonly simulator: Simulator;
  readonly deskpost: Deskpost;
  readonly browser: Browser;
  /** The list of mailboxes. */
  readonly listUrl: string;
  /** Somebody at a new browser, on an empty page. */
  somebody(options?: BrowserContextOptions): Promise<Page>;
  /** The administrator, signed in, on the list of mailboxes. */
  administrator(options?: BrowserContextOptions): Promise<Page>;
  stop(): Promise<void>;
}

interface BrowserWorldOptions {
  /** Pretend mailboxes, each with an owner; default 1. None is in the list. */
  readonly mailboxes?: number;
  readonly startAt?: Date;
}

/** Starts it all, without any mailbox in the list. */
export async function startBrowserWorld(options: BrowserWorldOptions = {}): Promise<BrowserWorld> {
  assert.ok(existsSync(CHROMIUM), `There is no Chromium at ${CHROMIUM}: install it, or set CHROMIUM_PATH`);
  const simulator = await startSimulator({ ports: "free", desk: "uvdesk", ...options });
  const deskpost = await startDeskpost(simulator, { runTimers: false, runQueues: false, log: () => undefined });
  // Chromium's sandbox does not run as root.
  const browser = await chromium.launch({ executablePath: CHROMIUM, chromiumSandbox: getuid?.() !== 0 });

  async function somebody(contextOptions: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext({ viewport: WIDE, ...contextOptions });
    context.setDefaultTimeout(STEP_LIMIT_MS);
    return context.newPage();
  }

  return {
    simulator,
    deskpost,
    browser,
    listUrl: deskpost.api.pageUrl,
    somebody,
    async administrator(contextOptions) {
      const page = await somebody(contextOptions);
      await page.goto(deskpost.api.pageUrl);
      await consentAs(page, simulator.administrator);
      await page.getByRole("heading", { level: 1, name: "Mailboxes" }).waitFor();
      return page;
    },
    async stop() {
      await browser.close();
      await deskpost.stop();
      await simulator.stop();
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
