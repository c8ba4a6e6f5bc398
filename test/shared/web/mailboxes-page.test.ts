import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { MailboxView, Overview } from "../../../shared/health/overview.ts";
import { TICK_OVERDUE_MS } from "../../../shared/health/thresholds.ts";
import type { TokenView } from "../../../shared/health/token-view.ts";
import type { StoredMailbox } from "../../../shared/mailboxes/mailbox.ts";
import { errorPage } from "../../../shared/web/error-page.ts";
import { invitationPage, invitedPage, invitePage } from "../../../shared/web/invitation-page.ts";
import type { PageContext } from "../../../shared/web/layout.ts";
import { overviewJson } from "../../../shared/web/mailbox-json.ts";
import { mailboxesPage } from "../../../shared/web/mailboxes-page.ts";
import { newMailboxPage } from "../../../shared/web/new-mailbox-page.ts";
import { removeMailboxPage } from "../../../shared/web/remove-mailbox-page.ts";
import { fromNow, moment } from "../../../shared/web/times.ts";
import { createUrls } from "../../../shared/web/urls.ts";
import { validMailbox } from "../mailboxes/valid-mailbox.ts";
import { assertSafePage, visibleText } from "./page-checks.ts";

const NOON = new Date("2026-11-23T12:00:00Z");
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const at = (ms: number) => new Date(NOON.getTime() + ms);
const HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)>&'";

const urls = createUrls("https://deskpost.contoso.test");
const FORM_TOKEN = "the-token-of-this-session";
const session = {
  userName: "ada@contoso.test",
  objectId: "f1a2",
  formToken: FORM_TOKEN,
  signedInAt: NOON,
  seenAt: NOON,
};
const context: PageContext = { urls, session, links: {} };

const mailbox: StoredMailbox = {
  ...validMailbox(),
  id: "9f2c41d07be3a865",
  address: "help@contoso.test",
  desk: "support",
  deliverFrom: NOON,
  nextFetchAt: at(MINUTE_MS),
  lastFetchAt: NOON,
  lastSuccessAt: NOON,
  lastMailAt: at(-3 * MINUTE_MS),
  delivered: 41,
  refused: 2,
  etag: 'W/"an-etag"',
};
const token: TokenView = {
  userName: "owner@contoso.test",
  goodUntil: at(64 * MINUTE_MS),
  refreshAt: at(49 * MINUTE_MS),
  refreshToken: { savedAt: at(-3 * DAY_MS), goodUntil: at(87 * DAY_MS) },
};
const view: MailboxView = {
  mailbox,
  pending: 0,
  quarantined: 0,
  token,
  health: { colour: "good", line: "Connected; all mail delivered", wrong: undefined, remedyAction: "none" },
  nextFetchAt: at(MINUTE_MS),
  openCircuit: undefined,
};
const overview: Overview = {
  mailboxes: [view],
  alarm: undefined,
  lastTick: NOON,
  mailPerHour: { hours: [], total: [], byMailbox: new Map() },
  now: NOON,
};

const viewOf = (changes: Partial<StoredMailbox>, counts: Partial<MailboxView> = {}): MailboxView => ({
  ...view,
  ...counts,
  mailbox: { ...mailbox, ...changes },
});
const pageOf = (changes: Partial<StoredMailbox>) =>
  mailboxesPage({ ...overview, mailboxes: [viewOf(changes)] }, context);

describe("the state of a mailbox", () => {
  for (const { remedyAction, label } of [
    { remedyAction: "fetch", label: "Fetch now" },
    { remedyAction: "replay", label: "See the quarantine" },
    { remedyAction: "connect", label: "Connect again" },
  ] as const) {
    it(`is one line in one colour, with what is wrong and “${label}” as its remedy`, async () => {
      const health = { colour: "warn", line: "Connected, but", wrong: "It is so.", remedyAction } as const;
      const page = await mailboxesPage({ ...overview, mailboxes: [viewOf({}, { health })] }, context);
      assertSafePage(page, urls.origin);
      assert.match(page.body, /class="state warn">Connected, but</);
      assert.match(visibleText(page), /It is so\./);
      const main = [...page.body.matchAll(/class="[^"]*\bmain"[^>]*>([^<]*)</g)].map(([, text]) => text);
      assert.deepEqual(main, [label]);
    });
  }
});

describe("the page of all mailboxes", () => {
  it("tells of a mailbox what was delivered, what comes next, and how its tokens stand", async () => {
    const page = await mailboxesPage(overview, context);
    assert.equal(page.status, 200);
    assertSafePage(page, urls.origin);
    const text = visibleText(page);
    for (const words of [
      "help@contoso.test",
      "Folder inbox, to the desk “support”",
      "Last mail to the desk 3 min ago",
      "Next fetch in 60 s",
      "Access token ends in 64 min",
      "As of 2026-11-23 12:00:00 UTC",
    ]) {
      assert.ok(text.includes(words), `"${words}" is missing in: ${text}`);
    }
  });

  it("renews itself where that was asked for, which does not count as use", async () => {
    const still = await mailboxesPage(overview, context);
    assert.ok(!still.body.includes("http-equiv"));
    assert.ok(still.body.includes(`href="${urls.mailboxesUnattended}"`));
    const { body } = await mailboxesPage(overview, context, true);
    assert.ok(body.includes(`<meta http-equiv="refresh" content="10;url=${urls.mailboxesUnattended}">`));
  });

  it("puts the session's token into each form, and into nothing else", async () => {
    const { body } = await mailboxesPage(overview, { ...context, links: { Runbook: "https://wiki.contoso.test/" } });
    const forms = [...body.matchAll(/<form\b.*?<\/form>/gs)].map(([form]) => form);
    assert.ok(forms.length >= 3);
    const field = `<input type="hidden" name="form-token" value="${FORM_TOKEN}">`;
    for (const form of forms) assert.ok(form.includes(field), form);
    assert.ok(!body.replaceAll(field, "").includes(FORM_TOKEN));
    assert.ok(body.includes('href="https://wiki.contoso.test/"'));
  });

  it("names who is signed in, with a way out", async () => {
    const page = await mailboxesPage(overview, context);
    assert.match(visibleText(page), /ada@contoso\.test Sign out/);
    assert.ok(page.body.includes(`action="${urls.signOut}"`));
  });

  for (const [status, buttons] of [
    ["new", ["Connect with Microsoft", "Invite its owner…", "Remove…"]],
    [
      "connected",
      ["Fetch now", "Pause", "Connect again", "Connect with another account", "Invite its owner…", "Remove…"],
    ],
    ["needs-owner", ["Connect again", "Connect with another account", "Invite its owner…", "Pause", "Remove…"]],
    ["needs-admin", ["Connect again", "Connect with another account", "Invite its owner…", "Pause", "Remove…"]],
    ["paused", ["Resume", "Connect again", "Connect with another account", "Invite its owner…", "Remove…"]],
  ] as const) {
    it(`offers for a mailbox that is ${status}: ${buttons.join(", ")}`, async () => {
      const { body } = await pageOf({ status });
      const [actions = ""] = /<div class="actions">.*?<\/div>/s.exec(body) ?? [];
      const found = [...actions.matchAll(/<(?:button|a)[^>]*>([^<]*)</g)].map(([, label]) => label);
      assert.deepEqual(found, buttons);
    });
  }

  it("offers an administrator's grant where the application itself is to have access", async () => {
    for (const [status, buttons] of [
      ["new", ["Grant as administrator"]],
      ["connected", ["Fetch now", "Pause", "Grant again"]],
      ["paused", ["Resume", "Grant as administrator"]],
    ] as const) {
      const { body } = await pageOf({ status, access: "application" });
      const [actions = ""] = /<div class="actions">.*?<\/div>/s.exec(body) ?? [];
      const found = [...actions.matchAll(/<(?:button|a)[^>]*>([^<]*)</g)].map(([, label]) => label);
      assert.deepEqual(found, [...buttons, "Connect: it is granted already", "Invite an administrator…", "Remove…"]);
    }
  });

  it("shows hostile values as text, wherever they come from", async () => {
    const hostile: MailboxView = {
      ...viewOf({
        address: HOSTILE,
        folder: HOSTILE,
        desk: HOSTILE,
        acknowledge: { kind: "move", folder: HOSTILE },
        lastError: { code: HOSTILE, message: HOSTILE, at: NOON },
      }),
      token: { ...token, userName: HOSTILE },
      health: { colour: "bad", line: HOSTILE, wrong: HOSTILE, remedyAction: "none" },
      openCircuit: { desk: HOSTILE, code: "NO_ANSWER", since: NOON, until: NOON },
    };
    const page = await mailboxesPage(
      {
        ...overview,
        mailboxes: [hostile],
        alarm: { code: "APP_MISCONFIGURED", message: HOSTILE, since: NOON },
      },
      { ...context, session: { ...session, userName: HOSTILE }, links: { [HOSTILE]: "https://wiki.contoso.test" } },
    );
    assertSafePage(page, urls.origin);
    assert.equal(visibleText(page).split(HOSTILE).length - 1, 10);
  });

  it("raises the alarm of the app, and tells that no mailbox has to be connected again", async () => {
    const alarm = { code: "APP_MISCONFIGURED", message: "AADSTS7000222: expired", since: at(-DAY_MS) };
    const text = visibleText(await mailboxesPage({ ...overview, alarm }, context));
    assert.match(text, /own sign-in is refused, since 2026-11-22 12:00:00 UTC AADSTS7000222: expired/);
    assert.match(text, /No mailbox has to be connected again/);
  });

  it("raises the alarm when the timer has not run for five minutes, where there is a mailbox", async () => {
    const pageAfter = async (ms: number, mailboxes = [view]) =>
      visibleText(await mailboxesPage({ ...overview, mailboxes, lastTick: at(-ms) }, context));
    assert.doesNotMatch(await pageAfter(TICK_OVERDUE_MS), /No fetch has run/);
    assert.match(await pageAfter(TICK_OVERDUE_MS + 1), /No fetch has run since 2026-11-23 11:54:59 UTC/);
    assert.doesNotMatch(await pageAfter(DAY_MS, []), /No fetch has run/);
  });

  it("says what to do where there is no mailbox yet", async () => {
    const page = await mailboxesPage({ ...overview, mailboxes: [] }, context);
    assert.match(visibleText(page), /No mailbox yet Add the Microsoft 365 mailbox/);
    assert.match(page.body, /class="button main" href="https:\/\/deskpost\.contoso\.test\/api\/pages\/mailboxes\/new"/);
  });
});

describe("the list for programs", () => {
  it("has what the page has, and neither the ETag of a row nor anything secret", () => {
    const text = JSON.stringify(overviewJson(overview));
    const list = JSON.parse(text) as { mailboxes: Record<string, unknown>[] };
    assert.partialDeepStrictEqual(list.mailboxes[0], {
      address: "help@contoso.test",
      status: "connected",
      pending: 0,
      delivered: 41,
      nextFetchAt: "2026-11-23T12:01:00.000Z",
    });
    assert.ok(!text.includes("etag"));
  });
});

describe("the form for a new mailbox", () => {
  it("names the desks, and is posted to Deskpost itself", async () => {
    const page = await newMailboxPage(["support", "sales"], context);
    assert.equal(page.status, 200);
    assertSafePage(page, urls.origin);
    assert.match(page.body, /action="https:\/\/deskpost\.contoso\.test\/api\/pages"/);
    assert.deepEqual(
      [...page.body.matchAll(/<option\s*>(\w+)</g)].map(([, name]) => name),
      ["support", "sales"],
    );
  });

  it("comes back with what was entered and what is wrong, harmlessly", async () => {
    const entered = {
      address: HOSTILE,
      folder: HOSTILE,
      since: HOSTILE,
      moveTo: HOSTILE,
      desk: "sales",
      acknowledge: "move",
    };
    const page = await newMailboxPage(["support", "sales"], context, { fault: `${HOSTILE} is wrong`, entered });
    assert.equal(page.status, 400);
    assertSafePage(page, urls.origin);
    assert.match(page.body, /<option selected>sales</);
    assert.match(page.body, /value="move" selected/);
    assert.ok(visibleText(page).includes(`${HOSTILE} is wrong`));
  });
});

describe("what was tried before a mailbox is added", () => {
  it("is listed with what to change, and can be overruled", async () => {
    const checks = [
      {
        name: "desk",
        result: "failed",
        evidence: { host: HOSTILE, fault: HOSTILE },
        remedy: "Look at DESKS.",
        durationMs: 1,
      },
      {
        name: "permissions",
        result: "warning",
        evidence: { kind: "owner", scopes: "Mail.Read" },
        remedy: "The sign-in will tell.",
        durationMs: 1,
      },
    ] as const;
    const page = await newMailboxPage(["support"], context, { entered: { address: "a@contoso.test" }, checks });
    assertSafePage(page, urls.origin);
    assert.match(visibleText(page), /The desk answers: to be put right .* Look at DESKS\. Permissions: to be seen/);
    assert.match(page.body, /value="add-anyway">Add it all the same/);
    assert.doesNotMatch((await newMailboxPage(["support"], context)).body, /add-anyway/);
  });
});

describe("the pages of an invitation", () => {
  const link = { url: "https://deskpost.contoso.test/api/invitation?invitation=a", endsAt: NOON };

  it("speak of whoever is to follow the link", async () => {
    for (const [access, guest] of [
      ["owner", /the owner of help@contoso\.test/],
      ["application", /an administrator of the organisation of help@contoso\.test/],
    ] as const) {
      const invited = { ...mailbox, access };
      for (const page of [await invitePage(invited, context), await invitedPage(invited, link, context)]) {
        assertSafePage(page, urls.origin);
        assert.match(visibleText(page), guest);
      }
    }
  });

  it("tell what Microsoft will ask, by what Deskpost will do, harmlessly", async () => {
    const guest = { ...context, session: undefined };
    for (const [changes, words] of [
      [{}, /read mail that you can read; it cannot change any/],
      [{ acknowledge: { kind: "mark-read" } }, /read, mark and move mail that you can read/],
      [{ access: "application" }, /asks an administrator of your organisation to grant/],
    ] as const) {
      const asked = { ...mailbox, ...changes, desk: HOSTILE, folder: HOSTILE };
      const page = await invitationPage(asked, link.url, guest);
      assertSafePage(page, urls.origin);
      assert.match(visibleText(page), words);
    }
  });
});

describe("the other pages", () => {
  it("ask before a mailbox is removed, and tell what stays", async () => {
    const page = await removeMailboxPage({ ...mailbox, address: HOSTILE }, context);
    assertSafePage(page, urls.origin);
    assert.match(
      page.body,
      /method="post" action="https:\/\/deskpost\.contoso\.test\/api\/pages\/mailboxes\/9f2c41d07be3a865\/remove"/,
    );
    assert.match(visibleText(page), /Tickets at the desk stay/);
  });

  it("show an error in lines, harmlessly", async () => {
    const page = await errorPage(500, `Deskpost cannot run\n  ${HOSTILE}`);
    assert.equal(page.status, 500);
    assertSafePage(page, "");
    assert.match(page.body, /<p>Deskpost cannot run<\/p>/);
    assert.ok(visibleText(page).includes(HOSTILE));
    assert.match(visibleText(await errorPage(404, "There is no mailbox")), /Not possible/);
  });
});

describe("times", () => {
  it("are told in UTC, to the second", () => {
    assert.equal(moment(new Date("2026-11-23T15:04:05.999Z")), "2026-11-23 15:04:05 UTC");
  });

  it("are told from now in the unit that fits", () => {
    for (const [ms, words] of [
      [0, "now"],
      [499, "now"],
      [1_000, "in 1 s"],
      [-89_000, "89 s ago"],
      [90_000, "in 2 min"],
      [-89 * MINUTE_MS, "89 min ago"],
      [90 * MINUTE_MS, "in 2 h"],
      [47 * 60 * MINUTE_MS, "in 47 h"],
      [-48 * 60 * MINUTE_MS, "2 days ago"],
      [90 * DAY_MS, "in 90 days"],
    ] as const) {
      assert.equal(fromNow(at(ms), NOON), words);
    }
  });
});
