import { existingMailbox } from "../mailboxes/mailbox.ts";
import { type NewMailbox, readNewMailbox } from "../mailboxes/new-mailbox.ts";
import { AppError } from "../platform/errors.ts";
import { consentPage } from "./consent-page.ts";
import { consentRedirect } from "./consent-redirect.ts";
import { consentSubject } from "./consent-subject.ts";
import { invitedPage, invitePage } from "./invitation-page.ts";
import { redirectTo, type WebAnswer } from "./layout.ts";
import { mailboxesPage } from "./mailboxes-page.ts";
import { newMailboxPage } from "./new-mailbox-page.ts";
import type { PageRoute, Visit } from "./page-routes.ts";
import { removeMailboxPage } from "./remove-mailbox-page.ts";
import { connectGranted } from "./settle-consent.ts";
import type { WebApp } from "./web-app.ts";

/** The list of mailboxes, and everything that its buttons do. */
export const mailboxRoutes: readonly PageRoute[] = [
  {
    method: "GET",
    path: "",
    answer: async ({ app, page, query }) => mailboxesPage(await app.overview(), page, query.has("unattended")),
  },
  { method: "POST", path: "", answer: add },
  { method: "GET", path: "mailboxes/new", answer: ({ app, page }) => newMailboxPage(deskNames(app), page) },
  { method: "GET", path: "mailboxes/:id/connect", answer: startConsent },
  { method: "POST", path: "mailboxes/:id/connect", answer: connect },
  {
    method: "GET",
    path: "mailboxes/:id/invite",
    answer: async (visit) => invitePage(await mailboxOf(visit), visit.page),
  },
  { method: "POST", path: "mailboxes/:id/invite", answer: invite },
  {
    method: "GET",
    path: "mailboxes/:id/remove",
    answer: async (visit) => removeMailboxPage(await mailboxOf(visit), visit.page),
  },
  { method: "POST", path: "mailboxes/:id/remove", answer: changed(({ app }, id) => app.changeMailbox.remove(id)) },
  { method: "POST", path: "mailboxes/:id/pause", answer: changed(({ app }, id) => app.changeMailbox.pause(id)) },
  { method: "POST", path: "mailboxes/:id/resume", answer: changed(({ app }, id) => app.changeMailbox.resume(id)) },
  { method: "POST", path: "mailboxes/:id/fetch", answer: changed(({ app }, id) => app.changeMailbox.fetchNow(id)) },
];

/** Does it, and goes back to the list. */
function changed(change: (visit: Visit, id: string) => Promise<unknown>): PageRoute["answer"] {
  return async (visit) => {
    await change(visit, visit.parameter("id"));
    return redirectTo(visit.app.urls.mailboxes);
  };
}

async function add({ app, form, page }: Visit): Promise<WebAnswer> {
  const entered = Object.fromEntries(form);
  const again = (more: { fault: string } | { checks: Awaited<ReturnType<WebApp["checkNewMailbox"]>> }) =>
    newMailboxPage(deskNames(app), page, { entered, ...more });
  try {
    const wanted = readForm(entered);
    const checks = entered.do === "add-anyway" ? [] : await app.checkNewMailbox(wanted);
    if (entered.do === "check" || checks.some(({ result }) => result === "failed")) return await again({ checks });
    await app.changeMailbox.add(wanted);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return again({ fault: error.message });
  }
  return redirectTo(app.urls.mailboxes);
}

function readForm(entered: Readonly<Record<string, string>>): NewMailbox {
  const { since = "", from } = entered;
  if (from === "date" && since === "") {
    throw new AppError("INPUT_INVALID", "The mailbox was not added: choose the day, or “from now on”");
  }
  return readNewMailbox({ ...entered, since: from === "date" ? since : "" });
}

async function startConsent(visit: Visit): Promise<WebAnswer> {
  const mailbox = await mailboxOf(visit);
  return consentRedirect(await visit.app.consents.start(consentSubject(mailbox), visit.query.get("account") === "any"));
}

async function connect(visit: Visit): Promise<WebAnswer> {
  const mailbox = await mailboxOf(visit);
  return consentPage(await connectGranted(visit.app, mailbox), mailbox.address, visit.app.urls);
}

async function invite(visit: Visit): Promise<WebAnswer> {
  const { app, form, page } = visit;
  const mailbox = await mailboxOf(visit);
  const invited = await app.invite(mailbox.id, form.get("account") === "any");
  return invitedPage(mailbox, invited, page);
}

function mailboxOf({ app, parameter }: Visit) {
  return existingMailbox(app.registry, parameter("id"));
}

function deskNames({ config }: WebApp): readonly string[] {
  return Object.keys(config.desks);
}
