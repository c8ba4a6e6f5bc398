import { setTimeout as sleep } from "node:timers/promises";
import type { Desk } from "../../shared/desks/desk.ts";
import { createDeskRests } from "../../shared/desks/desk-rests.ts";
import { oneAtATime } from "../../shared/desks/one-at-a-time.ts";
import { createUvdesk } from "../../shared/desks/uvdesk.ts";
import { createWebhook } from "../../shared/desks/webhook.ts";
import { type Account, createAccount } from "../../shared/mail/account.ts";
import { createFetchMailbox, type FetchOutcome } from "../../shared/mail/fetch-mailbox.ts";
import { type AccessTokenFor, createGraphClient } from "../../shared/mail/graph-client.ts";
import { createGraphSource } from "../../shared/mail/graph-source.ts";
import { createImportMail, type ImportMail } from "../../shared/mail/import-mail.ts";
import type { Ledger } from "../../shared/mail/ledger.ts";
import { createLedger } from "../../shared/mail/ledger-table.ts";
import { receiveContent } from "../../shared/mail/mail-content.ts";
import { createMailFileSweep } from "../../shared/mail/mail-files.ts";
import { createQuarantine, type Quarantine } from "../../shared/mail/quarantine.ts";
import type { RequestBudget } from "../../shared/mail/request-budget.ts";
import { createStoredMessages, type StoredMessages } from "../../shared/mail/stored-messages.ts";
import { createChangeMailbox } from "../../shared/mailboxes/change-mailbox.ts";
import { createFetchDueMailboxes } from "../../shared/mailboxes/fetch-due-mailboxes.ts";
import type { MailboxRegistry, StoredMailbox } from "../../shared/mailboxes/mailbox.ts";
import { createQueueFetches, type FetchQueue } from "../../shared/mailboxes/queue-fetches.ts";
import { createMailboxRegistry } from "../../shared/mailboxes/registry-table.ts";
import type { Tables } from "../../shared/tables.ts";
import type { Log } from "../../shared/telemetry/log.ts";
import { noActivity } from "../shared/mailboxes/no-activity.ts";
import { DISK_FOLDER } from "./disk.ts";

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
  /** Mail of more bytes goes through a temporary file. */
  readonly heldInMemoryBytes: number;
  readonly log: Log;
}

/** What the functions call, as far as mail is concerned. */
export interface MailPath {
  fetchDueMailboxes(): Promise<void>;
  fetchMailbox(mailboxId: string): Promise<FetchOutcome>;
  readonly registry: MailboxRegistry;
  readonly ledger: Ledger;
  readonly quarantine: Quarantine;
  readonly importMail: ImportMail;
  readonly messages: StoredMessages;
  account(mailbox: StoredMailbox): Promise<Account>;
}

/** The mail path of one process, wired as in shared/app.ts. */
export function createMailPath(options: MailPathOptions): MailPath {
  const { tables, graphUrl, log, budgetMs } = options;
  const now = () => new Date();
  const registry = createMailboxRegistry(tables);
  const graphFor = createGraphClient({ graphUrl, now });
  const uvdesk = oneAtATime({
    desk: createUvdesk({ url: options.uvdeskUrl, now }),
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
  });
  const ledger = createLedger({ tables, now });
  const deskRests = createDeskRests({ tables, log, now });
  const changeMailbox = createChangeMailbox({
    registry,
    wakeDesk: deskRests.wake,
    deskNames: ["uvdesk", "webhook"],
    forgetCheckpoint: ledger.forgetCheckpoint,
    removeGrant: async () => {},
    activity: noActivity,
    log,
    now,
  });
  const sourceOf = ({ id, address, folder }: StoredMailbox, budget?: RequestBudget) =>
    createGraphSource({
      graphUrl,
      address,
      folder,
      send: graphFor(id, options.accessTokenFor, budget),
      now,
      receive: (body, at) => receiveContent(body, at, DISK_FOLDER, options.heldInMemoryBytes),
    });
  const sweepMailFiles = createMailFileSweep({ folder: DISK_FOLDER, log, now });
  const deskOf = ({ desk }: { readonly desk: string }): Desk => (desk === "uvdesk" ? uvdesk : webhook);

  const run = createFetchMailbox({
    registry,
    ledger,
    sourceOf,
    bounds: { longestQuietMs: LONGEST_WAIT_MS, longestBrokenMs: LONGEST_WAIT_MS },
    deskOf,
    activity: noActivity,
    askDesk: deskRests.ask,
    grantRefused: async (_, error) => {
      throw error;
    },
    log,
    now,
  });
  const queueFetches = createQueueFetches({ registry, queue: options.queue, log, now });
  const fetchMailbox = (mailboxId: string, deadline: Date) =>
    options.around(mailboxId, () => run({ mailboxId, deadline }));

  const tick = createFetchDueMailboxes({
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
  });
  const account = createAccount({ ledger, sourceOf, now });

  return {
    async fetchDueMailboxes() {
      await sweepMailFiles();
      await tick();
    },
    async fetchMailbox(mailboxId) {
      await sweepMailFiles();
      const outcome = await fetchMailbox(mailboxId, new Date(Date.now() + budgetMs));
      if (outcome.kind === "fetched" && outcome.more) await queueFetches([mailboxId]);
      return outcome;
    },
    registry,
    ledger,
    quarantine: createQuarantine({ ledger, fetchNow: changeMailbox.fetchNow, activity: noActivity, log, now }),
    importMail: createImportMail({ ledger, sourceOf, deliverFrom: changeMailbox.deliverFrom, now }),
    messages: createStoredMessages({ registry, ledger, sourceOf }),
    account: (mailbox) => account(mailbox, { from: new Date(0), until: now() }),
  };
}
