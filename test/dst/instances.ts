import { setTimeout as sleep } from "node:timers/promises";
import { createCircuitBreaker } from "../../shared/desks/circuit-breaker-table.ts";
import type { Desk } from "../../shared/desks/desk.ts";
import { createExclusiveDesk } from "../../shared/desks/exclusive-desk-table.ts";
import { createUvdesk } from "../../shared/desks/uvdesk.ts";
import { createWebhook } from "../../shared/desks/webhook.ts";
import { type AccessTokenFor, createGraphClient } from "../../shared/mail/graph/graph-client.ts";
import { createGraphSource } from "../../shared/mail/graph/graph-source.ts";
import { receiveContent } from "../../shared/mail/graph/mail-content.ts";
import { createMailFileCleanup } from "../../shared/mail/graph/mail-files.ts";
import type { RequestBudget } from "../../shared/mail/graph/request-budget.ts";
import type { Ledger } from "../../shared/mail/ledger/ledger.ts";
import { createLedger } from "../../shared/mail/ledger/ledger-table.ts";
import { type Audit, createAudit } from "../../shared/mail/operator/audit.ts";
import { createImportMail, type ImportMail } from "../../shared/mail/operator/import-mail.ts";
import { createQuarantine, type Quarantine } from "../../shared/mail/operator/quarantine.ts";
import { createStoredMessages, type StoredMessages } from "../../shared/mail/operator/stored-messages.ts";
import { createFetchMailbox, type FetchOutcome } from "../../shared/mail/run/fetch-mailbox.ts";
import { createChangeMailbox } from "../../shared/mailboxes/change-mailbox.ts";
import type { MailboxRegistry, StoredMailbox } from "../../shared/mailboxes/mailbox.ts";
import { createMailboxRegistry } from "../../shared/mailboxes/registry-table.ts";
import type { Tables } from "../../shared/platform/tables-azure.ts";
import { createFetchDueMailboxes } from "../../shared/scheduling/fetch-due-mailboxes.ts";
import { createQueueFetches, type FetchQueue } from "../../shared/scheduling/queue-fetches.ts";
import type { Log } from "../../shared/telemetry/log.ts";
import { noActivity } from "../shared/activity/no-activity.ts";
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
  audit(mailbox: StoredMailbox): Promise<Audit>;
}

/** The mail path of one process, wired as in shared/app.ts. */
export function createMailPath(options: MailPathOptions): MailPath {
  const { tables, graphUrl, log, budgetMs } = options;
  const now = () => new Date();
  const registry = createMailboxRegistry(tables);
  const graphFor = createGraphClient({ graphUrl, now });
  const uvdesk = createExclusiveDesk({
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
  const circuitBreaker = createCircuitBreaker({ tables, log, now });
  const changeMailbox = createChangeMailbox({
    registry,
    tryDeskNow: circuitBreaker.halfOpen,
    queueFetch: async () => {},
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
  const cleanUpMailFiles = createMailFileCleanup({ folder: DISK_FOLDER, log, now });
  const deskOf = ({ desk }: { readonly desk: string }): Desk => (desk === "uvdesk" ? uvdesk : webhook);

  const run = createFetchMailbox({
    registry,
    ledger,
    sourceOf,
    bounds: { longestQuietMs: LONGEST_WAIT_MS, longestBrokenMs: LONGEST_WAIT_MS },
    deskOf,
    activity: noActivity,
    askCircuit: circuitBreaker.ask,
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
  const audit = createAudit({ ledger, sourceOf, now });

  return {
    async fetchDueMailboxes() {
      await cleanUpMailFiles();
      await tick();
    },
    async fetchMailbox(mailboxId) {
      await cleanUpMailFiles();
      const outcome = await fetchMailbox(mailboxId, new Date(Date.now() + budgetMs));
      if (outcome.kind === "fetched" && outcome.more) await queueFetches([mailboxId]);
      return outcome;
    },
    registry,
    ledger,
    quarantine: createQuarantine({ ledger, fetchNow: changeMailbox.fetchNow, activity: noActivity, log, now }),
    importMail: createImportMail({ ledger, sourceOf, deliverFrom: changeMailbox.deliverFrom, now }),
    messages: createStoredMessages({ registry, ledger, sourceOf }),
    audit: (mailbox) => audit(mailbox, { from: new Date(0), until: now() }),
  };
}
