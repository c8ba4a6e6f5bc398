import { app, type HttpRequest, type InvocationContext } from "@azure/functions";
import type { App } from "../shared/app.ts";
import { existingMailbox, type StoredMailbox } from "../shared/mailboxes/mailbox.ts";
import { readNewMailbox } from "../shared/mailboxes/new-mailbox.ts";
import { AppError } from "../shared/platform/errors.ts";
import { consentSubject } from "../shared/web/consent-subject.ts";
import type { WebAnswer } from "../shared/web/layout.ts";
import { mailboxJson, overviewJson } from "../shared/web/mailbox-json.ts";
import { fetchesQueue, mailboxFetch } from "./fetches-queue.ts";
import { jsonAnswer, jsonOf, refuseForeignForms, withHttpApp } from "./http.ts";

/** The list of mailboxes for programs, behind a function key. People have the pages. */
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

async function show({ overview, registry }: App, request: HttpRequest): Promise<WebAnswer> {
  const { id, action } = request.params;
  if (id === undefined) return jsonAnswer(200, overviewJson(await overview()));
  const mailbox = await existingMailbox(registry, id);
  if (action === undefined) return jsonAnswer(200, mailboxJson(mailbox));
  throw new AppError("INPUT_INVALID", `There is nothing to see under "${action}"`);
}

async function change(deskpost: App, request: HttpRequest, context: InvocationContext): Promise<WebAnswer> {
  refuseForeignForms(deskpost, request);
  const { id } = request.params;
  const { changeMailbox, registry } = deskpost;
  if (id === undefined) {
    return jsonAnswer(201, mailboxJson(await changeMailbox.add(readNewMailbox(await jsonOf(request)))));
  }
  const { action } = request.params;
  if (request.method === "DELETE") {
    // What lies below a mailbox is not the mailbox.
    if (action !== undefined) throw new AppError("INPUT_INVALID", `There is nothing to delete under "${action}"`);
    await changeMailbox.remove(id);
    return jsonAnswer(200, { id, removed: true });
  }
  switch (action) {
    case "pause":
      await changeMailbox.pause(id);
      break;
    case "resume":
      await changeMailbox.resume(id);
      break;
    case "remove":
      await changeMailbox.remove(id);
      return jsonAnswer(200, { id, removed: true });
    case "fetch":
      if (await changeMailbox.fetchNow(id)) context.extraOutputs.set(fetchesQueue, mailboxFetch(id));
      break;
    case "connect":
      return connectGranted(deskpost, context, await existingMailbox(registry, id));
    case "invite": {
      await existingMailbox(registry, id);
      return jsonAnswer(201, await deskpost.invite(id, request.query.get("account") === "any"));
    }
    default:
      throw new AppError(
        "INPUT_INVALID",
        `There is no action "${action}"; there are pause, resume, fetch, connect, invite and remove`,
      );
  }
  return jsonAnswer(200, mailboxJson(await existingMailbox(registry, id)));
}

/** For a mailbox whose access an administrator has granted to the application already, as by RBAC in Exchange. */
async function connectGranted(
  { consents, changeMailbox }: App,
  context: InvocationContext,
  mailbox: StoredMailbox,
): Promise<WebAnswer> {
  if (mailbox.access !== "application") {
    throw new AppError(
      "INPUT_INVALID",
      `${mailbox.address} is connected by its owner: send the link that "invite" gives`,
    );
  }
  const result = await consents.connectGranted(consentSubject(mailbox));
  if (result.kind === "connected") {
    await changeMailbox.connected(mailbox.id, result.userName);
    context.extraOutputs.set(fetchesQueue, mailboxFetch(mailbox.id));
  }
  return jsonAnswer(result.kind === "connected" ? 200 : 409, result);
}
