import { setTimeout as sleep } from "node:timers/promises";
import type { AccessTokenFor } from "../../shared/mail/graph/graph-client.ts";
import type { Ledger } from "../../shared/mail/ledger/ledger.ts";
import type { Audit } from "../../shared/mail/operator/audit.ts";
import type { ImportMail } from "../../shared/mail/operator/import-mail.ts";
import type { Quarantine } from "../../shared/mail/operator/quarantine.ts";
import type { StoredMessages } from "../../shared/mail/operator/stored-messages.ts";
import type { FetchOutcome } from "../../shared/mail/run/fetch-mailbox.ts";
import type { MailboxRegistry, StoredMailbox } from "../../shared/mailboxes/mailbox.ts";
import { createMailboxRegistry } from "../../shared/mailboxes/registry-table.ts";
import type { Tables } from "../../shared/platform/tables-azure.ts";
import type { FetchQueue } from "../../shared/scheduling/queue-fetches.ts";
import type { Log } from "../../shared/telemetry/log.ts";
import * as wiring from "../../shared/wiring/mail.ts";
import { noActivity } from "../shared/activity/no-activity.ts";
import { DISK_FOLDER } from "./disk.ts";

/** Between two fetches of a mailbox, where nothing comes or nothing goes: less than between the last ticks. */
const LONGEST_WAIT_MINUTES = 10;
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

/** The mail path of one process, wired by the product's own function. */
export function createMailPath(options: MailPathOptions): MailPath {
  const { tables, graphUrl, accessTokenFor, queue, log } = options;
  const now = () => new Date();
  const { audit, ...mail } = wiring.createMailPath({
    ...{ tables, registry: createMailboxRegistry(tables), queue, accessTokenFor, activity: noActivity, log, now },
    config: {
      graphUrl,
      desks: {
        uvdesk: { kind: "uvdesk", url: options.uvdeskUrl },
        webhook: { kind: "webhook", url: options.webhookUrl, secretName: "webhook-signing-secret" },
      },
      fetch: {
        budgetSeconds: options.budgetMs / 1_000,
        concurrency: CONCURRENCY,
        longestQuietMinutes: LONGEST_WAIT_MINUTES,
        longestBrokenMinutes: LONGEST_WAIT_MINUTES,
      },
    },
    readSecret: async () => options.webhookSecret,
    grantRefused: async (_, error) => {
      throw error;
    },
    removeGrant: async () => {},
    mailFiles: { folder: DISK_FOLDER, memoryLimitBytes: options.heldInMemoryBytes },
    around: ({ mailboxId }, run) => options.around(mailboxId, run),
    random: Math.random,
    sleep: async (ms) => void (await sleep(ms)),
  });
  return { ...mail, audit: (mailbox) => audit(mailbox, { from: new Date(0), until: now() }) };
}
