import { setTimeout as sleep } from "node:timers/promises";
import type { Desk } from "../../shared/desks/desk.ts";
import { createDeskRests } from "../../shared/desks/desk-rests.ts";
import { oneAtATime } from "../../shared/desks/one-at-a-time.ts";
import type { WatchPost } from "../../shared/desks/post.ts";
import { createUvdesk } from "../../shared/desks/uvdesk.ts";
import { createWebhook } from "../../shared/desks/webhook.ts";
import { createFetchMailbox, type FetchOutcome } from "../../shared/mail/fetch-mailbox.ts";
import { type AccessTokenFor, createGraphClient } from "../../shared/mail/graph-client.ts";
import { createGraphSource } from "../../shared/mail/graph-source.ts";
import { createLedger } from "../../shared/mail/ledger-table.ts";
import { createFetchDueMailboxes } from "../../shared/mailboxes/fetch-due-mailboxes.ts";
import { createQueueFetches, type FetchQueue } from "../../shared/mailboxes/queue-fetches.ts";
import { createMailboxRegistry } from "../../shared/mailboxes/registry-table.ts";
import type { Tables } from "../../shared/tables.ts";
import type { Log } from "../../shared/telemetry/log.ts";
import { noActivity } from "../shared/mailboxes/no-activity.ts";

/** Between two fetches of a mailbox, where nothing comes or nothing goes: less than between the last ticks. */
const LONGEST_WAIT_MS = 10 * 60_000;
/** Mailboxes that one tick fetches side by side. */
const CONCURRENCY = 3;

export interface MailPathOptions {
  readonly tables: Tables;
  readonly graphUrl: string;
  readonly uvdeskUrl: string;
  readonly webhookUrl: string;
  readonly webhookSecret: string;
  readonly accessTokenFor: AccessTokenFor;
  readonly budgetMs: number;
  /** Something that goes with every run. */
  readonly around: (mailboxId: string, run: () => Promise<FetchOutcome>) => Promise<FetchOutcome>;
  readonly queue: FetchQueue;
  readonly log: Log;
}

/** What the functions call, as far as mail is concerned. */
export interface MailPath {
  fetchDueMailboxes(): Promise<void>;
  fetchMailbox(mailboxId: string): Promise<FetchOutcome>;
}

/** The mail path of one process, wired as in shared/app.ts. */
export function createMailPath(options: MailPathOptions): MailPath {
  const { tables, graphUrl, log, budgetMs } = options;
  const now = () => new Date();
  const registry = createMailboxRegistry(tables);
  const graphFor = createGraphClient({ graphUrl, now });
  const uvdesk = oneAtATime({
    desk: createUvdesk({ url: options.uvdeskUrl, now, watch: sendByFetch }),
    url: options.uvdeskUrl,
    tables,
    now,
    random: Math.random,
    sleep: async (ms) => void (await sleep(ms)),
  });
  const webhook = createWebhook({
    url: options.webhookUrl,
    secret: async () => options.webhookSecret,
    now,
    watch: sendByFetch,
  });
  const deskOf = ({ desk }: { readonly desk: string }): Desk => (desk === "uvdesk" ? uvdesk : webhook);

  const run = createFetchMailbox({
    registry,
    ledger: createLedger({ tables, now }),
    sourceOf: ({ id, address, folder }, budget) =>
      createGraphSource({ graphUrl, address, folder, send: graphFor(id, options.accessTokenFor, budget), now }),
    bounds: { longestQuietMs: LONGEST_WAIT_MS, longestBrokenMs: LONGEST_WAIT_MS },
    deskOf,
    activity: noActivity,
    askDesk: createDeskRests({ tables, log, now }).ask,
    grantRefused: async (_, error) => {
      throw error;
    },
    log,
    now,
  });
  const queueFetches = createQueueFetches({ registry, queue: options.queue, log, now });
  const fetchMailbox = (mailboxId: string, deadline: Date) =>
    options.around(mailboxId, () => run({ mailboxId, deadline }));

  return {
    fetchDueMailboxes: createFetchDueMailboxes({
      registry,
      fetchMailbox: async ({ mailboxId, deadline }) => {
        const outcome = await fetchMailbox(mailboxId, deadline);
        return { more: outcome.kind === "fetched" && outcome.more };
      },
      queueFetches,
      budgetMs,
      concurrency: CONCURRENCY,
      log,
      now,
    }),
    async fetchMailbox(mailboxId) {
      const outcome = await fetchMailbox(mailboxId, new Date(Date.now() + budgetMs));
      if (outcome.kind === "fetched" && outcome.more) await queueFetches([mailboxId]);
      return outcome;
    },
  };
}

/** The product sends mail by Node's own client, which nobody can stand in for; the simulation has `fetch` alone. */
const sendByFetch: WatchPost = async (_, { url, headers, body, signal }) => {
  const response = await fetch(url, { method: "POST", headers, body, signal });
  return {
    status: response.status,
    headers: response.headers,
    body: response.body ?? (await response.blob()).stream(),
  };
};
