import { existingMailbox } from "../mailboxes/mailbox.ts";
import { AppError } from "../platform/errors.ts";
import { downloadHeaders, redirectTo, type WebAnswer } from "./layout.ts";
import { type MailPreview, readPreview } from "./mail-preview.ts";
import type { PageRoute, Visit } from "./page-routes.ts";
import { messagePage, QUARANTINE_SHOWN, quarantinePage, REFUSED_SHOWN, refusedPage } from "./quarantine-page.ts";

/** The quarantine of a mailbox, and single messages. */
export const messageRoutes: readonly PageRoute[] = [
  { method: "GET", path: "mailboxes/:id/quarantine", answer: list },
  { method: "GET", path: "mailboxes/:id/refused", answer: listRefused },
  { method: "POST", path: "mailboxes/:id/quarantine/replay", answer: replayAll },
  { method: "GET", path: "mailboxes/:id/messages/:key", answer: show },
  { method: "GET", path: "mailboxes/:id/messages/:key/content", answer: download },
  { method: "POST", path: "mailboxes/:id/messages/:key/replay", answer: replay },
  { method: "POST", path: "mailboxes/:id/messages/:key/discard", answer: discard },
];

async function list({ app, page, parameter }: Visit): Promise<WebAnswer> {
  const mailbox = await existingMailbox(app.registry, parameter("id"));
  return quarantinePage(mailbox, await app.quarantine.list(mailbox.id, QUARANTINE_SHOWN), page);
}

async function listRefused({ app, page, parameter }: Visit): Promise<WebAnswer> {
  const mailbox = await existingMailbox(app.registry, parameter("id"));
  const entries = await app.ledger.messages(mailbox.id, "refused", REFUSED_SHOWN);
  return refusedPage(mailbox, entries, page);
}

async function show({ app, page, parameter }: Visit): Promise<WebAnswer> {
  const mailbox = await existingMailbox(app.registry, parameter("id"));
  const entry = await app.messages.entry(mailbox.id, parameter("key"));
  return messagePage({ mailbox, entry, preview: await previewOf() }, page);

  /** Whatever hinders a look at the mail must not hinder what is to be done about it. */
  async function previewOf(): Promise<MailPreview | { readonly fault: string }> {
    try {
      return await readPreview((await app.messages.content(mailbox.id, entry.key)).body.stream);
    } catch (error) {
      if (error instanceof AppError) return { fault: `The mail cannot be shown now. ${error.message}` };
      throw error;
    }
  }
}

/** Every byte of the mail, never to be shown by a browser. */
async function download({ app, parameter }: Visit): Promise<WebAnswer> {
  const mail = await app.messages.content(parameter("id"), parameter("key"));
  return { status: 200, headers: downloadHeaders(mail.fileName), body: mail.body };
}

async function replay({ app, parameter }: Visit): Promise<WebAnswer> {
  const mailbox = await existingMailbox(app.registry, parameter("id"));
  await app.quarantine.replay(mailbox.id, parameter("key"));
  return redirectTo(app.urls.mailbox(mailbox.id, "quarantine"));
}

async function replayAll({ app, parameter }: Visit): Promise<WebAnswer> {
  const mailbox = await existingMailbox(app.registry, parameter("id"));
  await app.quarantine.replayAll(mailbox.id);
  return redirectTo(app.urls.mailbox(mailbox.id));
}

async function discard({ app, form, parameter }: Visit): Promise<WebAnswer> {
  const mailbox = await existingMailbox(app.registry, parameter("id"));
  await app.quarantine.discard(mailbox.id, parameter("key"), form.get("note") ?? "");
  return redirectTo(app.urls.mailbox(mailbox.id, "quarantine"));
}
