import { mkdirSync } from "node:fs";
import path from "node:path";
import { composeMail } from "../simulator/page/compose-mail.ts";
import { createPerson } from "../simulator/person/person.ts";
import { type BrowserWorld, startBrowserWorld } from "./browser-world.ts";

/** `npm run pictures`: takes the README's pictures anew, from a day as it might be. */

const FOLDER = path.join(import.meta.dirname, "..", "..", ".github", "pictures");
const HOUR_MS = 3_600_000;
/** Mail of each hour of that day. */
const DAY = [2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 5, 9, 12, 11, 7, 8, 9, 6, 4];
const WINDOW = { width: 1_080, height: 960 };

const world = await startBrowserWorld({ mailboxes: 3, startAt: new Date("2026-03-02T18:05:00Z") });
try {
  const id = await aDay(world);
  mkdirSync(FOLDER, { recursive: true });
  for (const colorScheme of ["light", "dark"] as const) {
    const page = await world.administrator({ colorScheme, viewport: WINDOW });
    const take = (name: string) => page.screenshot({ path: path.join(FOLDER, `${name}-${colorScheme}.png`) });
    await take("mailboxes");
    await page.goto(`${world.listUrl}/mailboxes/${id}`);
    await take("mailbox");
    await page.goto(`${world.listUrl}/mailboxes/${id}/quarantine`);
    await page.getByRole("link", { name: /Look at it/ }).click();
    await take("message");
    await page.goto(`${world.listUrl}/mailboxes/${id}/check`);
    await page.getByRole("button", { name: "Test" }).click();
    await page.getByRole("status").waitFor();
    await take("check");
  }
} finally {
  await world.stop();
}

/** Two mailboxes are connected and one waits for its owner; one mail is larger than the desk takes. Gives the first one's id. */
async function aDay({ simulator, deskpost }: BrowserWorld): Promise<string> {
  const { clock, ownedMailboxes } = simulator;
  const [first, second, third] = ownedMailboxes;
  if (first === undefined || second === undefined || third === undefined) throw new Error("There are three mailboxes");
  const ids: string[] = [];
  for (const { mailbox } of [first, second, third]) {
    ids.push(await deskpost.api.addMailbox({ address: mailbox.address, desk: "uvdesk" }));
  }
  const [id = "", secondId = ""] = ids;
  await createPerson({ oid: first.owner.oid }).connect(deskpost.api.startConsentUrl(id));
  await createPerson({ oid: second.owner.oid }).connect(deskpost.api.startConsentUrl(secondId));
  await deskpost.host.drainQueues();
  for (const [hour, count] of DAY.entries()) {
    for (let number = 0; number < count; number += 1) {
      const { mailbox } = number % 3 === 0 ? second : first;
      const subject = `Question ${hour}-${number}`;
      mailbox.deliver(composeMail({ from: "kim@example.org", to: mailbox.address, subject, text: "Hello" }));
    }
    await deskpost.fetchMail();
    clock.advance(HOUR_MS);
  }
  first.mailbox.deliver(largeMail(first.mailbox.address));
  await deskpost.fetchMail();
  return id;
}

/** More than PHP's post_max_size lets through. */
function largeMail(to: string): Buffer {
  const line = `${"QUJD".repeat(19)}\r\n`;
  return Buffer.from(
    [
      "From: Kim <kim@example.org>",
      `To: ${to}`,
      "Subject: Drawings",
      "Content-Type: multipart/mixed; boundary=b",
      "",
      "--b\r\nContent-Type: text/plain\r\n\r\nHello,\r\n\r\nthe drawings of the new building are attached, as we said on the phone.\r\n\r\nKim",
      `--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n${line.repeat(120_000)}`,
      "--b--",
      "",
    ].join("\r\n"),
  );
}
