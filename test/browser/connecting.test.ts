import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Page } from "playwright-core";
import { composeMail } from "../simulator/page/compose-mail.ts";
import { assertFit } from "./assert-fit.ts";
import { useBrowserHarness } from "./browser-harness.ts";
import { consentAs, pickAccount } from "./browser-world.ts";
import { tabTo } from "./keyboard.ts";

const ADDRESS = "help@contoso.example";
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** No access token lives longer. */
const TOKEN_LIFE_MS = 2 * 60 * MINUTE_MS;

describe("connecting a mailbox in a browser", () => {
  const harness = useBrowserHarness();

  function mailArrives(subject: string): void {
    const { mailbox } = harness.simulator;
    mailbox.deliver(composeMail({ from: "Kim <kim@example.org>", to: mailbox.address, subject, text: "Hello" }));
  }
  const subjects = () => harness.simulator.uvdesk.tickets.map(({ subject }) => subject);
  const heading = (page: Page, name: string | RegExp) => page.getByRole("heading", { name }).first().waitFor();

  async function connectedBy(page: Page): Promise<void> {
    await consentAs(page, harness.simulator.owner);
    await heading(page, /is connected/);
    await harness.deskpost.host.drainQueues();
  }

  async function loseTheGrant(): Promise<void> {
    const { clock, entra, owner } = harness.simulator;
    entra.revoke(owner.oid);
    clock.advance(TOKEN_LIFE_MS);
    await harness.deskpost.fetchMail();
  }

  it("takes somebody from the empty page to the first ticket", async () => {
    mailArrives("The first one");
    const page = await harness.administrator();
    await heading(page, "No mailbox yet");
    await assertFit(page);

    await page.getByRole("link", { name: "Add a mailbox" }).last().click();
    await assertFit(page);
    await page.getByLabel("Address of the mailbox").fill(ADDRESS);
    await page.getByLabel("received since this day").check();
    await page.getByRole("textbox", { name: "Day" }).fill("2020-01-01");
    await page.getByRole("button", { name: "Only check" }).click();
    await heading(page, "What was tried");
    await assertFit(page);
    await page.getByRole("button", { name: "Check and add" }).click();
    await page.getByText("Not connected yet").waitFor();
    await assertFit(page);

    await page.getByRole("link", { name: "Connect with Microsoft" }).click();
    await connectedBy(page);
    await assertFit(page);
    assert.deepEqual(subjects(), ["The first one"]);
    await page.getByRole("link", { name: "To the list of mailboxes" }).click();
    await page.getByText("Connected; all mail delivered").waitFor();
    await assertFit(page);
  });

  it("reconnects after a revocation, and brings what came in between", async () => {
    await loseTheGrant();
    mailArrives("While nobody was let in");
    const page = await harness.administrator();
    await page.getByText("Must be connected again").first().waitFor();
    await assertFit(page);
    await page.getByRole("link", { name: `Connect again ${ADDRESS}` }).click();
    await connectedBy(page);
    assert.deepEqual(subjects(), ["The first one", "While nobody was let in"]);
  });

  it("works by the keyboard alone, and without JavaScript", async () => {
    const page = await harness.administrator();
    await page.keyboard.press("Tab");
    await page.getByRole("link", { name: "Skip to the content" }).and(page.locator(":focus")).waitFor();
    await tabTo(page, `Pause ${ADDRESS}`);
    await page.keyboard.press("Enter");
    await page.getByText("Paused", { exact: true }).waitFor();
    await tabTo(page, `Resume ${ADDRESS}`);
    await page.keyboard.press("Space");
    await page.getByText("Connected; all mail delivered").waitFor();
    await tabTo(page, "Sign out");
    await page.keyboard.press("Enter");
    await heading(page, /Signed out/);
    await assertFit(page);

    const plain = await harness.somebody({ javaScriptEnabled: false });
    await plain.goto(harness.listUrl);
    await pickAccount(plain, harness.simulator.administrator);
    // Microsoft's own page: it would press this itself.
    const submit = plain.getByRole("button", { name: "Submit" });
    if ((await submit.count()) > 0) await submit.click();
    await plain.getByRole("button", { name: `Fetch now ${ADDRESS}` }).click();
    await heading(plain, "Mailboxes");
  });

  describe("by an invitation", () => {
    let link = "";
    async function invite(): Promise<void> {
      const page = await harness.administrator();
      await page.getByRole("link", { name: `Invite its owner… ${ADDRESS}` }).click();
      await assertFit(page);
      await page.getByRole("button", { name: "Make a link" }).click();
      link = (await page.locator("code").textContent()) ?? "";
      await assertFit(page);
    }

    it("lets the owner connect it without any right in Deskpost, once", async () => {
      await invite();
      const page = await harness.somebody();
      await page.goto(link);
      await assertFit(page);
      await page.getByRole("link", { name: "Continue to Microsoft" }).click();
      await connectedBy(page);
      assert.equal(await page.getByRole("link", { name: "To the list of mailboxes" }).count(), 0);
      await page.goto(link);
      await page.getByText("This link has been used").waitFor();
      await assertFit(page);
    });

    it("ends after seven days", async () => {
      await invite();
      harness.simulator.clock.advance(8 * DAY_MS);
      const page = await harness.somebody();
      await page.goto(link);
      await page.getByText("good for seven days, which are over").waitFor();
      await assertFit(page);
    });
  });

  describe("tells what went wrong at Microsoft, and what to do:", () => {
    async function atMicrosoft(button = `Connect again ${ADDRESS}`): Promise<Page> {
      const page = await harness.administrator();
      await page.getByRole("link", { name: button }).click();
      return page;
    }
    async function ends(page: Page, title: string, words: RegExp): Promise<void> {
      await heading(page, title);
      await page.getByText(words).first().waitFor();
      await page.getByText("nothing that worked before has changed").waitFor();
      await assertFit(page);
    }

    it("declined", async () => {
      await loseTheGrant();
      const page = await atMicrosoft();
      await pickAccount(page, harness.simulator.owner);
      await page.getByRole("button", { name: "Cancel" }).click();
      await ends(page, "Declined", /permissions were declined/);
    });

    it("an administrator must approve", async () => {
      harness.simulator.entra.requireAdminApproval(true);
      const page = await atMicrosoft();
      await pickAccount(page, harness.simulator.owner);
      await page.getByRole("button", { name: "Return to the application" }).click();
      await ends(page, "An administrator must approve", /Send this link to a Microsoft 365 administrator/);
      harness.simulator.entra.requireAdminApproval(false);
    });

    it("another account", async () => {
      const page = await atMicrosoft();
      await consentAs(page, harness.simulator.stranger);
      await ends(page, "Another account", /sam@contoso\.example signed in, but help@contoso\.example/);
    });

    it("an account that may not open the mailbox", async () => {
      const page = await atMicrosoft(`Connect with another account ${ADDRESS}`);
      await consentAs(page, harness.simulator.stranger);
      await ends(page, "The mailbox does not open", /cannot open the mailbox and folder/);
    });

    it("too late", async () => {
      const page = await atMicrosoft();
      harness.simulator.clock.advance(11 * MINUTE_MS);
      await consentAs(page, harness.simulator.owner);
      await ends(page, "Too late", /More than ten minutes/);
    });

    it("an answer that another browser was to get, and one that counts no more", async () => {
      const page = await atMicrosoft();
      let answer = "";
      await page.route("**/api/finish-consent", async (route) => {
        answer = route.request().postData() ?? "";
        await route.continue();
      });
      await connectedBy(page);
      assert.notEqual(answer, "");
      await page.reload();
      await ends(page, "Already used", /each one counts once/);
      const other = await harness.somebody();
      const fields = [...new URLSearchParams(answer)].map(([name, value]) => `<input name="${name}" value="${value}">`);
      const finish = new URL("finish-consent", harness.listUrl).href;
      await other.setContent(`<form method="post" action="${finish}">${fields.join("")}<button>Go</button></form>`);
      await other.getByRole("button").click();
      await ends(other, "Not a sign-in of this browser", /does not belong to a sign-in that this browser has started/);
    });
  });
});
