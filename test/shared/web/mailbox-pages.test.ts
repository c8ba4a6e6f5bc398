import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MailboxView } from "../../../shared/health/overview.ts";
import type { StoredEntry } from "../../../shared/mail/ledger/ledger.ts";
import type { StoredMailbox } from "../../../shared/mailboxes/mailbox.ts";
import { auditPage } from "../../../shared/web/audit-page.ts";
import { checkPage } from "../../../shared/web/check-page.ts";
import { importPage } from "../../../shared/web/import-page.ts";
import type { PageContext } from "../../../shared/web/layout.ts";
import { mailChart } from "../../../shared/web/mail-chart.ts";
import { mailboxPage } from "../../../shared/web/mailbox-page.ts";
import { messagePage, quarantinePage, refusedPage } from "../../../shared/web/quarantine-page.ts";
import { createUrls } from "../../../shared/web/urls.ts";
import { validMailbox } from "../mailboxes/valid-mailbox.ts";
import { assertSafePage, visibleText } from "./page-checks.ts";

const NOON = new Date("2026-11-23T12:00:00Z");
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const at = (ms: number) => new Date(NOON.getTime() + ms);
const HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)>&'";

const urls = createUrls("https://deskpost.contoso.test");
const session = { userName: "ada", objectId: "f1a2", formToken: "a-token", signedInAt: NOON, seenAt: NOON };
const context: PageContext = { urls, session, links: {} };
const mailbox: StoredMailbox = {
  ...validMailbox(),
  id: "9f2c41d07be3a865",
  address: "help@contoso.test",
  desk: "support",
  delivered: 41,
  refused: 2,
  etag: 'W/"an-etag"',
};
const hostile: StoredMailbox = { ...mailbox, address: HOSTILE, folder: HOSTILE, desk: HOSTILE };
const view: MailboxView = {
  mailbox,
  pending: 3,
  quarantined: 1,
  token: {
    userName: "owner@contoso.test",
    goodUntil: at(64 * 60_000),
    refreshAt: at(49 * 60_000),
    refreshToken: { savedAt: at(-3 * DAY_MS), goodUntil: at(87 * DAY_MS) },
  },
  health: { colour: "good", line: "Connected; 3 mails on the way", wrong: undefined, remedyAction: "none" },
  nextFetchAt: NOON,
  openCircuit: undefined,
};
const entry: StoredEntry = {
  key: "k".repeat(43),
  messageId: "an-id",
  receivedAt: NOON,
  state: "quarantined",
  attempts: 8,
  runsEnded: 0,
  firstFailedAt: NOON,
  lastFailedAt: NOON,
  uncertain: false,
  dueAt: NOON,
  claimedUntil: undefined,
  settledAt: NOON,
  answer: HOSTILE,
  isBacklog: false,
  notAcknowledged: "",
  fingerprint: "",
  etag: "e",
};

describe("the pages about one mailbox", () => {
  it("tell what happened, and all about its tokens", async () => {
    const activity = [{ kind: "delivered", count: 3, tickets: "812–814", named: 3, at: NOON }] as const;
    const page = await mailboxPage({ view, activity, now: NOON }, context);
    assertSafePage(page, urls.origin);
    const text = visibleText(page);
    for (const words of [
      "2026-11-23 12:00:00 UTC 3 mails delivered as tickets 812–814",
      "Connected by owner@contoso.test",
      "It is renewed ahead of that in 49 min",
      "Without a renewal it would end in 87 days",
      "Refused by the desk 2",
    ]) {
      assert.ok(text.includes(words), `"${words}" is missing in: ${text}`);
    }
  });

  it("list what the desk refused, with its reason and the way to offer it again", async () => {
    const refused = { ...entry, state: "refused", answer: "Received an auto-forwarded email" } as const;
    const page = await refusedPage(mailbox, [refused], context);
    assertSafePage(page, urls.origin);
    assert.match(visibleText(page), /Received an auto-forwarded email/);
    assert.ok(page.body.includes(`href="${urls.message(mailbox.id, refused.key)}"`));
    const none = await refusedPage(mailbox, [], context);
    assert.match(visibleText(none), /The desk has refused nothing of late/);
  });

  it("show hostile values as text", async () => {
    const activity = [{ kind: "connected", by: HOSTILE, at: NOON }] as const;
    const preview = {
      headers: [{ name: HOSTILE, value: HOSTILE }],
      text: HOSTILE,
      attachments: [HOSTILE],
      cut: false,
    };
    const steps = [
      { name: "desk", result: "failed", evidence: { code: HOSTILE }, remedy: HOSTILE, durationMs: 1 },
    ] as const;
    const report = { mailboxId: mailbox.id, address: HOSTILE, result: "failed", startedAt: NOON, durationMs: 1, steps };
    const health = { colour: "bad", line: HOSTILE, wrong: HOSTILE, remedyAction: "none" } as const;
    for (const [page, times] of [
      [await mailboxPage({ view: { ...view, mailbox: hostile, health }, activity, now: NOON }, context), 7],
      [await quarantinePage(hostile, [entry], context), 3],
      [await messagePage({ mailbox: hostile, entry, preview }, context), 6],
      [await messagePage({ mailbox: hostile, entry, preview: { fault: HOSTILE } }, context), 3],
      [await checkPage(hostile, { ...report, result: "failed" }, context), 6],
      [await importPage({ mailbox: hostile, since: HOSTILE, preview: undefined }, context), 2],
      [await auditPage({ mailbox: hostile, from: HOSTILE, until: HOSTILE, audit: undefined }, context), 4],
    ] as const) {
      assertSafePage(page, urls.origin);
      assert.equal(visibleText(page).split(HOSTILE).length - 1, times, visibleText(page));
    }
  });

  it("offer to replay what the desk does not have, and to give up what is quarantined", async () => {
    const preview = { fault: "gone" };
    for (const [state, replay, discard] of [
      ["quarantined", true, true],
      ["refused", true, false],
      ["discarded", true, false],
      ["delivered", false, false],
      ["pending", false, false],
    ] as const) {
      const { body } = await messagePage({ mailbox, entry: { ...entry, state }, preview }, context);
      assert.equal(body.includes(urls.message(mailbox.id, entry.key, "replay")), replay, state);
      assert.equal(body.includes(urls.message(mailbox.id, entry.key, "discard")), discard, state);
    }
  });

  it("say which mail nobody accounts for", async () => {
    const states = { pending: 0, delivered: 5, refused: 0, quarantined: 0, discarded: 0, gone: 0 };
    const audit = { from: NOON, until: NOON, received: 5, states, inFolder: 6, difference: 1, complete: false };
    const page = await auditPage({ mailbox, from: "2026-11-01", until: "2026-11-02", audit }, context);
    assert.match(visibleText(page), /1 in the folder that nobody accounts for .* choose a shorter period\. Received 5/);
    const well = await auditPage(
      { mailbox, from: "", until: "", audit: { ...audit, difference: 0, complete: true } },
      context,
    );
    assert.match(visibleText(well), /All mail is accounted for/);
  });
});

describe("the chart of mail per hour", () => {
  const hours = Array.from({ length: 24 }, (_, index) => at((index - 23) * HOUR_MS));

  it("has a bar for each hour, and says the same in words", async () => {
    const counts = hours.map((_, index) => (index === 20 ? 7 : 1));
    const chart = String(await mailChart(hours, counts));
    assert.equal(chart.match(/<rect/g)?.length, 24);
    assert.match(
      chart,
      /role="img" aria-label="30 mails delivered in the last 24 hours, the most from 09:00 UTC on: 7\."/,
    );
  });

  it("is words alone where no mail came", async () => {
    const chart = String(
      await mailChart(
        hours,
        hours.map(() => 0),
      ),
    );
    assert.equal(chart, "<p>No mail was delivered in the last 24 hours.</p>");
  });
});
