import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, describe, it } from "node:test";
import type { Page } from "playwright-core";
import { createPerson } from "../simulator/person/person.ts";
import { assertFit } from "./assert-fit.ts";
import { useBrowserHarness } from "./browser-harness.ts";

const HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>";
const MINUTE_MS = 60_000;

/** What somebody sends who means no good. */
const hostileMail = (number: number) =>
  Buffer.from(
    [
      `From: "${HOSTILE}" <evil@example.org>`,
      "To: help@contoso.example",
      `Subject: ${HOSTILE}`,
      `Message-ID: <evil-${number}@example.org>`,
      "Content-Type: multipart/alternative; boundary=b",
      "",
      `--b\r\nContent-Type: text/plain\r\n\r\n${HOSTILE}\r\nIs anybody there?`,
      `--b\r\nContent-Type: text/html\r\n\r\n${HOSTILE}<img src="https://tracker.example.org/pixel.png">`,
      "--b--",
      "",
    ].join("\r\n"),
  );

describe("watching and repairing a mailbox in a browser", () => {
  const harness = useBrowserHarness();
  let id = "";
  let mails = 0;
  const url = (action = "") => `${harness.listUrl}/mailboxes/${id}${action}`;
  const heading = (page: Page, name: string | RegExp) => page.getByRole("heading", { name }).first().waitFor();
  const tickets = () => harness.simulator.uvdesk.tickets.length;

  /** Arrives, and a proxy in front of the desk calls it too large. https://nginx.org/en/docs/http/ngx_http_core_module.html#client_max_body_size */
  async function quarantined(): Promise<string> {
    const { mailbox, uvdesk } = harness.simulator;
    const { immutableId } = mailbox.deliver(hostileMail(++mails));
    const headers = { "content-type": "text/html" };
    const body = "<html><h1>413 Request Entity Too Large</h1></html>";
    uvdesk.standIn.plan(({ method }) => method === "POST", { kind: "answer", answer: { status: 413, headers, body } });
    harness.simulator.clock.advance(MINUTE_MS);
    await harness.deskpost.fetchMail();
    return immutableId;
  }

  before(async () => {
    const { mailbox, owner } = harness.simulator;
    await harness.deskpost.host.runTimer("fetch-mail");
    id = await harness.deskpost.api.addMailbox({ address: mailbox.address, desk: "uvdesk" });
    await createPerson({ oid: owner.oid }).connect(harness.deskpost.api.startConsentUrl(id));
    await harness.deskpost.host.drainQueues();
    for (const name of ["one", "two"]) {
      mailbox.deliver(
        Buffer.from(`From: k@example.org\r\nTo: help@contoso.example\r\nSubject: ${name}\r\n\r\nHello\r\n`),
      );
    }
    harness.simulator.clock.advance(MINUTE_MS);
    await harness.deskpost.fetchMail();
    await quarantined();
  });

  it("shows the list: a chart in words, too, and what is in quarantine with the button that leads there", async () => {
    const page = await harness.administrator();
    await page.getByRole("img", { name: /2 mails delivered in the last 24 hours/ }).waitFor();
    await assertFit(page);
    await page.getByRole("link", { name: /See the quarantine/ }).click();
    await heading(page, "Quarantine");
    await assertFit(page);
  });

  it("lets the list renew itself only for whoever asks", async () => {
    const page = await harness.administrator();
    assert.equal(await page.locator("meta[http-equiv=refresh]").count(), 0);
    await page.getByRole("link", { name: "Renew every 10 seconds" }).click();
    assert.equal(await page.locator("meta[http-equiv=refresh]").count(), 1);
    // That is what was asked for, and it can be stopped.
    await assertFit(page, ["meta-refresh"]);
    await page.getByRole("link", { name: "Stop renewing" }).click();
    assert.equal(await page.locator("meta[http-equiv=refresh]").count(), 0);
  });

  it("tells of one mailbox what happened", async () => {
    const page = await harness.administrator();
    await page.getByRole("link", { name: "help@contoso.example", exact: true }).click();
    await page.getByText(/2 mails delivered/).waitFor();
    await page.getByText(/1 mail quarantined/).waitFor();
    await assertFit(page);
  });

  it("accounts for a period", async () => {
    const page = await harness.administrator();
    await page.goto(url("/account"));
    await assertFit(page);
    await page.getByRole("button", { name: "Account for it" }).click();
    await heading(page, "All mail is accounted for");
    await assertFit(page);
    await page.goto(url("/account?from=x&until=y"));
    await page.getByText('"x" is no day').waitFor();
    await assertFit(page);
  });

  it("counts older mail before it is imported", async () => {
    const { mailbox } = harness.simulator;
    const receivedAt = new Date("2026-01-05T12:00:00Z");
    const before = tickets();
    mailbox.deliver(Buffer.from("From: k@example.org\r\nTo: help@contoso.example\r\nSubject: old\r\n\r\nHello\r\n"), {
      receivedAt,
    });
    const page = await harness.administrator();
    await page.goto(url("/import"));
    await assertFit(page);
    await page.getByLabel("Import what was received since").fill("2026-01-01");
    await page.getByRole("button", { name: "Count it first" }).click();
    await heading(page, "1 mail would be delivered");
    await assertFit(page);
    assert.equal(tickets(), before);
    await page.getByRole("button", { name: "Import 1 mail" }).click();
    await heading(page, "help@contoso.example");
    await harness.deskpost.host.drainQueues();
    assert.equal(tickets(), before + 1);
  });

  it("shows a hostile mail as words, gives every byte of it, and replays it", async () => {
    const before = tickets();
    const page = await harness.administrator();
    const requested: string[] = [];
    page.on("request", (request) => requested.push(request.url()));
    await page.goto(url("/quarantine"));
    await page.getByRole("link", { name: /Look at it/ }).click();
    await page.getByRole("region", { name: "Text of the mail" }).getByText("Is anybody there?").waitFor();
    await page.getByText("All headers").click();
    const text = (await page.locator("main").textContent()) ?? "";
    assert.ok(text.split(HOSTILE).length > 3, "the text, the sender and the subject");
    assert.equal(await page.locator("main script, main img").count(), 0);
    await assertFit(page);
    assert.deepEqual(
      requested.filter(
        (address) => !address.startsWith(new URL(harness.listUrl).origin) && !address.startsWith("data:"),
      ),
      [],
    );

    const downloading = page.waitForEvent("download");
    await page.getByRole("link", { name: "Download as .eml" }).click();
    const download = await downloading;
    assert.match(download.suggestedFilename(), /^[\w-]{12}\.eml$/);
    assert.deepEqual(await readFile(await download.path()), hostileMail(1));

    await page.getByRole("button", { name: "Replay it" }).click();
    await heading(page, "Nothing is in quarantine");
    await assertFit(page);
    await harness.deskpost.host.drainQueues();
    assert.equal(tickets(), before + 1);
  });

  it("replays all, and gives one up with a note", async () => {
    await quarantined();
    const page = await harness.administrator();
    await page.goto(url("/quarantine"));
    await page.getByRole("link", { name: /Look at it/ }).click();
    await page.getByRole("textbox", { name: /Give it up/ }).fill(HOSTILE);
    await page.getByRole("button", { name: "Give it up for good" }).click();
    await heading(page, "Nothing is in quarantine");
    await quarantined();
    const before = tickets();
    await page.goto(url("/quarantine"));
    await page.getByRole("button", { name: "Replay all 1" }).click();
    await heading(page, "help@contoso.example");
    await harness.deskpost.host.drainQueues();
    assert.equal(tickets(), before + 1);
  });

  it("lets somebody decide about a mail that can no longer be shown", async () => {
    harness.simulator.mailbox.remove(await quarantined());
    const page = await harness.administrator();
    await page.goto(url("/quarantine"));
    await page.getByRole("link", { name: /Look at it/ }).click();
    await page
      .getByRole("alert")
      .getByText(/cannot be shown now.*it was deleted there/)
      .waitFor();
    await assertFit(page);
    await page.getByRole("textbox", { name: /Give it up/ }).fill("deleted");
    await page.getByRole("button", { name: "Give it up for good" }).click();
    await heading(page, "Nothing is in quarantine");
  });

  it("tests a mailbox from end to end, with a message where that is wanted", async () => {
    const before = tickets();
    const page = await harness.administrator();
    await page.goto(url("/check"));
    await assertFit(page);
    await page.getByRole("button", { name: "Test" }).click();
    await heading(page, /It works, with something to look at|All is well/);
    assert.equal(await page.getByRole("listitem").count(), 11);
    await assertFit(page);
    assert.equal(tickets(), before);
    await page.getByLabel(/hand a test message/).check();
    await page.getByRole("button", { name: "Test again" }).click();
    await page.waitForLoadState();
    await heading(page, /It works, with something to look at|All is well/);
    assert.equal(tickets(), before + 1);
  });

  it("names a desk that takes no mail", async () => {
    harness.simulator.desk.setMood("unreachable");
    harness.simulator.mailbox.deliver(hostileMail(++mails));
    harness.simulator.clock.advance(MINUTE_MS);
    await harness.deskpost.fetchMail();
    const page = await harness.administrator();
    await heading(page, /The desk “uvdesk” takes no mail/);
    await assertFit(page);
    harness.simulator.desk.setMood("ok");
  });
});
