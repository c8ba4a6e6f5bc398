import { z } from "zod";
import { inWords } from "../../activity/activity-words.ts";
import { existingMessage, MESSAGE_STATES, type StoredEntry } from "../../mail/ledger/ledger.ts";
import { existingMailbox } from "../../mailboxes/mailbox.ts";
import { newMailboxSchema } from "../../mailboxes/new-mailbox.ts";
import { AppError } from "../../platform/errors.ts";
import { isoMoment } from "../../platform/moment.ts";
import { jsonAnswer } from "../json-answer.ts";
import { downloadHeaders, type WebAnswer } from "../layout.ts";
import { mailboxJson, overviewJson } from "../mailbox-json.ts";
import { matchPath, segmentsOf } from "../match-path.ts";
import { connectGranted } from "../settle-consent.ts";
import type { WebApp } from "../web-app.ts";
import { type ApiRight, type ApiRoute, apiRoute } from "./api-route.ts";

const ACTIVITY_LIMIT_DEFAULT = 50;

const limit = z.coerce
  .number({ error: "is not a number" })
  .int("is not a whole number")
  .min(1, "is less than 1")
  .optional();

const flag = z.boolean({ error: "is neither true nor false" }).default(false);

const period = z.object({ from: isoMoment.optional(), until: isoMoment.optional() });

/** `?account=any` */
const account = z.object({ account: z.string().optional() });

/** A mailbox as it is after a change. */
async function changed({ registry }: WebApp, id: string): Promise<WebAnswer> {
  return jsonAnswer(200, mailboxJson(await existingMailbox(registry, id)));
}

/** A message of the ledger for programs; the ETag of its row stays inside. */
function messageJson({ etag: _, ...entry }: StoredEntry) {
  return entry;
}

const audit = {
  right: "read",
  method: "GET",
  summary: "What became of the mail of a period, and whether ledger and folder agree: `difference` is 0",
  query: period,
  answers: { 200: "The audit" },
  async answer({ app, id, query }) {
    const { from = new Date(0), until = app.now() } = query;
    return jsonAnswer(200, await app.audit(await existingMailbox(app.registry, id), { from, until }));
  },
} satisfies Omit<Parameters<typeof apiRoute<z.output<typeof period>>>[0], "path">;

const remove = {
  right: "remove",
  summary: "Takes a mailbox off the list, with its tokens. Its ledger stays: added again, it doubles nothing",
  answers: { 200: "It is removed" },
  async answer({ app, id }) {
    await app.changeMailbox.remove(id);
    return jsonAnswer(200, { id, removed: true });
  },
} satisfies Omit<Parameters<typeof apiRoute>[0], "path" | "method">;

/** All of the API, which programs use with a function key; `openapi.json` is made from it. The first line that fits answers. */
export const API_ROUTES: readonly ApiRoute[] = [
  apiRoute({
    right: "read",
    method: "GET",
    path: "mailboxes",
    summary:
      "All mailboxes with state, counts, times of their tokens, last error, what is wrong and what mends it; and the mail of each of the last 24 hours",
    answers: { 200: "The list" },
    answer: async ({ app }) => jsonAnswer(200, overviewJson(await app.overview())),
  }),
  apiRoute({
    right: "write",
    method: "POST",
    path: "mailboxes",
    summary: "Adds a mailbox to the list",
    body: newMailboxSchema,
    answers: { 201: "The mailbox", 409: "It is in the list already" },
    answer: async ({ app, body }) => jsonAnswer(201, mailboxJson(await app.changeMailbox.add(body))),
  }),
  apiRoute({
    right: "read",
    method: "GET",
    path: "mailboxes/:id",
    summary: "One mailbox",
    answers: { 200: "The mailbox" },
    answer: ({ app, id }) => changed(app, id),
  }),
  apiRoute({ ...remove, method: "DELETE", path: "mailboxes/:id" }),
  apiRoute({ ...remove, method: "POST", path: "mailboxes/:id/remove", replacedBy: "DELETE /mailboxes/{id}" }),
  apiRoute({
    right: "write",
    method: "POST",
    path: "mailboxes/:id/pause",
    summary: "Stops fetching until somebody resumes",
    answers: { 200: "The mailbox" },
    async answer({ app, id }) {
      await app.changeMailbox.pause(id);
      return changed(app, id);
    },
  }),
  apiRoute({
    right: "write",
    method: "POST",
    path: "mailboxes/:id/resume",
    summary: "Ends a pause",
    answers: { 200: "The mailbox" },
    async answer({ app, id }) {
      await app.changeMailbox.resume(id);
      return changed(app, id);
    },
  }),
  apiRoute({
    right: "write",
    method: "POST",
    path: "mailboxes/:id/fetch",
    summary: "Fetches now, where the mailbox is connected",
    answers: { 200: "The mailbox" },
    async answer({ app, id }) {
      await app.changeMailbox.fetchNow(id);
      return changed(app, id);
    },
  }),
  apiRoute({
    right: "write",
    method: "POST",
    path: "mailboxes/:id/connect",
    summary: "Connects a mailbox with `application` access that an administrator has granted already",
    answers: { 200: "It is connected", 409: "It is not, and why" },
    async answer({ app, id }) {
      const result = await connectGranted(app, await existingMailbox(app.registry, id));
      return jsonAnswer(result.kind === "connected" ? 200 : 409, result);
    },
  }),
  apiRoute({
    right: "invite",
    method: "POST",
    path: "mailboxes/:id/invite",
    summary:
      "Makes a link by which its owner connects the mailbox, once; with `account=any` another account than the one before may",
    query: account,
    answers: { 201: "The link and its end" },
    async answer({ app, id, query }) {
      await existingMailbox(app.registry, id);
      return jsonAnswer(201, await app.invite(id, query.account === "any"));
    },
  }),
  apiRoute({
    right: "write",
    method: "POST",
    path: "mailboxes/:id/check",
    summary: "Tests a mailbox from end to end, in 30 seconds at most. What fails is part of the answer",
    body: z.object({ testMessage: flag }),
    answers: { 200: "The report" },
    answer: async ({ app, id, body }) => jsonAnswer(200, await app.checkMailbox(id, body)),
  }),
  apiRoute({
    right: "write",
    method: "POST",
    path: "mailboxes/:id/import",
    summary: "Brings the mail that was there before the mailbox was connected; with `dryRun` it counts only",
    body: z.object({ since: isoMoment, dryRun: flag }),
    answers: { 200: "The count alone", 202: "The count; the import has begun" },
    async answer({ app, id, body: { since, dryRun } }) {
      const mailbox = await existingMailbox(app.registry, id);
      const preview = await app.importMail.preview(mailbox, since);
      if (!dryRun) await app.importMail.start(mailbox, since);
      return jsonAnswer(dryRun ? 200 : 202, { ...preview, started: !dryRun });
    },
  }),
  apiRoute({
    right: "write",
    method: "POST",
    path: "mailboxes/:id/replay",
    summary: "Offers everything that is quarantined to the desk again, a thousand at a time",
    answers: { 200: "How many" },
    async answer({ app, id }) {
      await existingMailbox(app.registry, id);
      return jsonAnswer(200, { replayed: await app.quarantine.replayAll(id) });
    },
  }),
  apiRoute({
    right: "read",
    method: "GET",
    path: "mailboxes/:id/activity",
    summary: "What happened to a mailbox of late, the newest first, in codes and in words",
    query: z.object({ limit }),
    answers: { 200: "The activity" },
    async answer({ app, id, query }) {
      await existingMailbox(app.registry, id);
      const events = await app.activity.list(id, query.limit ?? ACTIVITY_LIMIT_DEFAULT);
      return jsonAnswer(200, { activity: events.map((one) => ({ ...one, words: inWords(one) })) });
    },
  }),
  apiRoute({ ...audit, path: "mailboxes/:id/audit" }),
  apiRoute({ ...audit, path: "mailboxes/:id/account", replacedBy: "GET /mailboxes/{id}/audit" }),
  apiRoute({
    right: "read",
    method: "GET",
    path: "mailboxes/:id/messages",
    summary: "What the ledger knows of a mailbox's messages: all of them, where no limit is asked for",
    query: z.object({
      state: z.enum(MESSAGE_STATES, { error: `must be one of ${MESSAGE_STATES.join(", ")}` }).optional(),
      limit,
    }),
    answers: { 200: "The messages" },
    async answer({ app, id, query }) {
      await existingMailbox(app.registry, id);
      const messages = await app.ledger.messages(id, query.state, query.limit ?? Number.POSITIVE_INFINITY);
      return jsonAnswer(200, { messages: messages.map(messageJson) });
    },
  }),
  apiRoute({
    right: "read",
    method: "GET",
    path: "mailboxes/:id/messages/:key",
    summary: "What the ledger knows of one message",
    answers: { 200: "The message" },
    answer: async ({ app, id, key }) => jsonAnswer(200, messageJson(await app.messages.entry(id, key))),
  }),
  apiRoute({
    right: "read",
    method: "GET",
    path: "mailboxes/:id/messages/:key/content",
    summary: "Every byte of a message, as a file to download",
    answers: { 200: "The file, message/rfc822" },
    async answer({ app, id, key }) {
      const mail = await app.messages.content(id, key);
      return { status: 200, headers: downloadHeaders(mail.fileName), body: mail.body };
    },
  }),
  apiRoute({
    right: "write",
    method: "POST",
    path: "mailboxes/:id/messages/:key/replay",
    summary: "Offers a message to the desk again, at once",
    answers: { 200: "The message" },
    async answer({ app, id, key }) {
      await existingMailbox(app.registry, id);
      await app.quarantine.replay(id, key);
      return jsonAnswer(200, messageJson(await existingMessage(app.ledger, id, key)));
    },
  }),
  apiRoute({
    right: "write",
    method: "POST",
    path: "mailboxes/:id/messages/:key/discard",
    summary: "Gives a quarantined message up, with the reason",
    body: z.object({ note: z.string({ error: "is missing: say why the message is given up" }) }),
    answers: { 200: "The message" },
    async answer({ app, id, key, body }) {
      await existingMailbox(app.registry, id);
      await app.quarantine.discard(id, key, body.note);
      return jsonAnswer(200, messageJson(await existingMessage(app.ledger, id, key)));
    },
  }),
];

/**
 * The line for a request, with the parameters in its path. Whatever the Functions host lets in, a function serves the
 * lines of its own right alone.
 * @param path below /api
 * @throws {AppError} INPUT_INVALID
 */
export function findApiRoute(right: ApiRight, method: string, path: string) {
  const segments = segmentsOf(path);
  for (const route of API_ROUTES) {
    const parameters = route.right === right && route.method === method ? matchPath(route.path, segments) : undefined;
    if (parameters !== undefined) return { route, parameters };
  }
  const words = `There is no ${method} at this address for a key that may ${right}: GET /api/openapi.json lists what there is`;
  throw new AppError("INPUT_INVALID", words);
}
