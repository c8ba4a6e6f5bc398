import { existingMailbox, type StoredMailbox } from "../mailboxes/mailbox.ts";
import { AppError } from "../platform/errors.ts";
import { isoDay } from "../platform/moment.ts";
import { auditPage } from "./audit-page.ts";
import { checkPage } from "./check-page.ts";
import { importPage } from "./import-page.ts";
import { redirectTo, type WebAnswer } from "./layout.ts";
import { mailboxPage } from "./mailbox-page.ts";
import type { PageRoute, Visit } from "./page-routes.ts";

const EVENTS_SHOWN = 100;
const DAY_MS = 24 * 3_600_000;

/** Looking closely at one mailbox. */
export const watchRoutes: readonly PageRoute[] = [
  { method: "GET", path: "mailboxes/:id", answer: show },
  { method: "GET", path: "mailboxes/:id/account", answer: audit },
  { method: "GET", path: "mailboxes/:id/import", answer: previewImport },
  { method: "POST", path: "mailboxes/:id/import", answer: startImport },
  {
    method: "GET",
    path: "mailboxes/:id/check",
    answer: async (visit) => checkPage(await mailboxOf(visit), undefined, visit.page),
  },
  { method: "POST", path: "mailboxes/:id/check", answer: check },
];

async function show(visit: Visit): Promise<WebAnswer> {
  const { app, page } = visit;
  const mailbox = await mailboxOf(visit);
  const [view, activity] = await Promise.all([app.view(mailbox), app.activity.list(mailbox.id, EVENTS_SHOWN)]);
  return mailboxPage({ view, activity, now: app.now() }, page);
}

async function audit(visit: Visit): Promise<WebAnswer> {
  const { app, page, query } = visit;
  const mailbox = await mailboxOf(visit);
  const from = query.get("from");
  const until = query.get("until");
  if (from === null || until === null) {
    const today = app.now().toISOString().slice(0, 10);
    return auditPage({ mailbox, from: today, until: today, audit: undefined }, page);
  }
  const period = { from: dayOf(from), until: new Date(dayOf(until).getTime() + DAY_MS) };
  return auditPage({ mailbox, from, until, audit: await app.audit(mailbox, period) }, page);
}

async function previewImport(visit: Visit): Promise<WebAnswer> {
  const { app, page, query } = visit;
  const mailbox = await mailboxOf(visit);
  const since = query.get("since");
  if (since === null) return importPage({ mailbox, since: "", preview: undefined }, page);
  return importPage({ mailbox, since, preview: await app.importMail.preview(mailbox, dayOf(since)) }, page);
}

async function startImport(visit: Visit): Promise<WebAnswer> {
  const { app, form } = visit;
  const mailbox = await mailboxOf(visit);
  await app.importMail.start(mailbox, dayOf(form.get("since") ?? ""));
  return redirectTo(app.urls.mailbox(mailbox.id));
}

async function check(visit: Visit): Promise<WebAnswer> {
  const { app, form, page } = visit;
  const mailbox = await mailboxOf(visit);
  const report = await app.checkMailbox(mailbox.id, { testMessage: form.get("test-message") === "yes" });
  return checkPage(mailbox, report, page);
}

function mailboxOf({ app, parameter }: Visit): Promise<StoredMailbox> {
  return existingMailbox(app.registry, parameter("id"));
}

/** @throws {AppError} INPUT_INVALID */
function dayOf(text: string): Date {
  const day = isoDay.safeParse(text);
  if (day.success) return day.data;
  throw new AppError("INPUT_INVALID", day.error.issues[0]?.message ?? "That is no day");
}
