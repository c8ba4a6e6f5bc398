import { app, type HttpRequest, type HttpResponseInit, type InvocationContext } from "@azure/functions";
import { type App, subjectOf } from "../shared/app.ts";
import { AppError } from "../shared/errors.ts";
import { MailboxNotFoundError, type StoredMailbox } from "../shared/mailboxes/mailbox.ts";
import { readNewMailbox } from "../shared/mailboxes/new-mailbox.ts";
import { consentPage } from "../shared/web/consent-page.ts";
import { mailboxJson, overviewJson } from "../shared/web/mailbox-json.ts";
import { mailboxesPage, newMailboxPage, type PageContext, removeMailboxPage } from "../shared/web/mailboxes-page.ts";
import { fetchesQueue, type MailboxFetch } from "./fetches-queue.ts";
import { formOf, wantsPage, withHttpApp } from "./http.ts";

const NO_STORE = { "cache-control": "no-store" };

/** The list of mailboxes: a page for people, JSON for programs, behind a function key. */
app.http("mailboxes", {
  methods: ["GET", "POST", "DELETE"],
  authLevel: "function",
  route: "mailboxes/{id?}/{action?}",
  extraOutputs: [fetchesQueue],
  handler: (request: HttpRequest, context: InvocationContext) =>
    withHttpApp(request, context, (deskpost) =>
      request.method === "GET" ? show(deskpost, request) : change(deskpost, request, context),
    ),
});

async function show(deskpost: App, request: HttpRequest): Promise<HttpResponseInit> {
  const { id, action } = request.params;
  const page = pageContext(deskpost, request);
  if (id === undefined) {
    const overview = await deskpost.overview();
    return wantsPage(request) ? { ...(await mailboxesPage(overview, page)) } : json(200, overviewJson(overview));
  }
  if (id === "new") return { ...(await newMailboxPage(Object.keys(deskpost.config.desks), page)) };
  const mailbox = await existing(deskpost, id);
  switch (action) {
    case undefined:
      return json(200, mailboxJson(mailbox));
    case "remove":
      return { ...(await removeMailboxPage(mailbox, page)) };
    case "messages": {
      const state = request.query.get("state");
      const entries = await deskpost.ledger.entries(id);
      const messages = entries
        .filter((entry) => state === null || entry.state === state)
        .map(({ etag: _, ...entry }) => entry);
      return json(200, { messages });
    }
    default:
      throw new AppError("INPUT_INVALID", `There is nothing to see under "${action}"`);
  }
}

async function change(deskpost: App, request: HttpRequest, context: InvocationContext): Promise<HttpResponseInit> {
  refuseForeignForms(deskpost, request);
  const { id } = request.params;
  const { changeMailbox } = deskpost;
  if (id === undefined) return add(deskpost, request);

  const action = request.method === "DELETE" ? "remove" : request.params.action;
  switch (action) {
    case "pause":
      await changeMailbox.pause(id);
      break;
    case "resume":
      await changeMailbox.resume(id);
      break;
    case "remove":
      await changeMailbox.remove(id);
      break;
    case "fetch":
      if (await changeMailbox.fetchNow(id))
        context.extraOutputs.set(fetchesQueue, { mailboxId: id } satisfies MailboxFetch);
      break;
    case "connect":
      return connectGranted(deskpost, request, context, await existing(deskpost, id));
    default:
      throw new AppError(
        "INPUT_INVALID",
        `There is no action "${action}"; there are pause, resume, fetch, connect and remove`,
      );
  }
  if (wantsPage(request)) return backToList(deskpost, request);
  return action === "remove" ? json(200, { id, removed: true }) : json(200, mailboxJson(await existing(deskpost, id)));
}

/** For a mailbox whose access an administrator has granted to the application already, as by RBAC in Exchange. */
async function connectGranted(
  deskpost: App,
  request: HttpRequest,
  context: InvocationContext,
  mailbox: StoredMailbox,
): Promise<HttpResponseInit> {
  if (mailbox.access !== "application") {
    throw new AppError(
      "INPUT_INVALID",
      `${mailbox.address} is connected by its owner: open start-consent in a browser`,
    );
  }
  const result = await deskpost.consents.connectGranted(subjectOf(mailbox));
  if (result.kind === "connected") {
    await deskpost.changeMailbox.connected(mailbox.id);
    context.extraOutputs.set(fetchesQueue, { mailboxId: mailbox.id } satisfies MailboxFetch);
  }
  if (wantsPage(request)) return { ...(await consentPage(result, mailbox.address, deskpost.urls)) };
  return json(result.kind === "connected" ? 200 : 409, result);
}

async function add(deskpost: App, request: HttpRequest): Promise<HttpResponseInit> {
  if (!wantsPage(request)) {
    const added = await deskpost.changeMailbox.add(readNewMailbox(await jsonOf(request)));
    return json(201, mailboxJson(added));
  }
  const entered = Object.fromEntries(await formOf(request));
  try {
    await deskpost.changeMailbox.add(readNewMailbox(entered));
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const fault = { message: error.message, entered };
    return { ...(await newMailboxPage(Object.keys(deskpost.config.desks), pageContext(deskpost, request), fault)) };
  }
  return backToList(deskpost, request);
}

/** A page of another site must not press our buttons: a browser names the site of a form in Origin. */
function refuseForeignForms({ urls }: App, request: HttpRequest): void {
  const origin = request.headers.get("origin");
  if (origin !== null && origin !== urls.origin) {
    throw new AppError(
      "INPUT_INVALID",
      `This form was sent from ${origin}. Open the page at ${urls.mailboxes(undefined)} and try again.`,
    );
  }
}

function pageContext({ urls, config }: App, request: HttpRequest): PageContext {
  return { urls, key: request.query.get("code") ?? undefined, links: config.pageLinks };
}

function backToList({ urls }: App, request: HttpRequest): HttpResponseInit {
  return { status: 303, headers: { ...NO_STORE, location: urls.mailboxes(request.query.get("code") ?? undefined) } };
}

async function existing({ registry }: App, id: string): Promise<StoredMailbox> {
  const mailbox = await registry.get(id);
  if (mailbox === undefined) throw new MailboxNotFoundError(id);
  return mailbox;
}

async function jsonOf(request: HttpRequest): Promise<unknown> {
  try {
    return await request.json();
  } catch {
    throw new AppError("INPUT_INVALID", "The request is not JSON");
  }
}

function json(status: number, body: unknown): HttpResponseInit {
  return { status, headers: NO_STORE, jsonBody: body };
}
