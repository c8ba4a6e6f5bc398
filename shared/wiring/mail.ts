import { tmpdir } from "node:os";
import type { Activity } from "../activity/activity.ts";
import { createActivity } from "../activity/activity-table.ts";
import type { CircuitBreaker } from "../desks/circuit-breaker.ts";
import { createCircuitBreaker } from "../desks/circuit-breaker-table.ts";
import { createConfiguredDesks } from "../desks/configured-desks.ts";
import { type AccessTokenFor, createGraphClient } from "../mail/graph/graph-client.ts";
import { createGraphSource } from "../mail/graph/graph-source.ts";
import { receiveContent } from "../mail/graph/mail-content.ts";
import { createMailFileCleanup } from "../mail/graph/mail-files.ts";
import type { RequestBudget } from "../mail/graph/request-budget.ts";
import type { Ledger } from "../mail/ledger/ledger.ts";
import { createLedger } from "../mail/ledger/ledger-table.ts";
import { createAudit } from "../mail/operator/audit.ts";
import { createImportMail } from "../mail/operator/import-mail.ts";
import { createQuarantine } from "../mail/operator/quarantine.ts";
import { createStoredMessages } from "../mail/operator/stored-messages.ts";
import {
  createFetchMailbox,
  type FetchMailboxDeps,
  type FetchOutcome,
  type FetchRun,
} from "../mail/run/fetch-mailbox.ts";
import { traceFetches } from "../mail/run/traced-fetch.ts";
import { createChangeMailbox } from "../mailboxes/change-mailbox.ts";
import type { MailboxRegistry, StoredMailbox } from "../mailboxes/mailbox.ts";
import type { Config } from "../platform/config.ts";
import type { AppError } from "../platform/errors.ts";
import type { Tables } from "../platform/tables-azure.ts";
import { createAbandonedFetches } from "../scheduling/abandoned-fetches.ts";
import { createFetchDueMailboxes } from "../scheduling/fetch-due-mailboxes.ts";
import { createQueueFetch, createQueueFetches, type FetchQueue } from "../scheduling/queue-fetches.ts";
import type { Log } from "../telemetry/log.ts";
import { type Outgoing, unwatched } from "../telemetry/outgoing.ts";

/** What every part of the app is given in place of the world. */
export interface World {
  readonly log: Log;
  readonly now: () => Date;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

export interface MailPathOptions extends World {
  readonly config: Pick<Config, "graphUrl" | "desks" | "fetch">;
  readonly tables: Tables;
  readonly registry: MailboxRegistry;
  readonly queue: FetchQueue;
  readonly accessTokenFor: AccessTokenFor;
  readonly readSecret: (name: string) => Promise<string | undefined>;
  /** Told when the grant of a mailbox is refused for good. */
  readonly grantRefused: (mailboxId: string, error: AppError) => Promise<void>;
  readonly removeGrant: (mailboxId: string) => Promise<void>;
  readonly outgoing?: Outgoing;
  /** Instead of the table's. */
  readonly activity?: Activity;
  /** Where large mail lies for the time of its delivery, and the size from which on it does. */
  readonly mailFiles?: { readonly folder: string; readonly memoryLimitBytes: number };
  /** Goes around every run. */
  readonly around?: (run: FetchRun, fetch: () => Promise<FetchOutcome>) => Promise<FetchOutcome>;
}

export type MailPath = ReturnType<typeof createMailPath>;

/**
 * The way of a mail, from the tick to the desk, and what people do about it. The app, the simulation, the bench and the
 * tests of the mail path are all wired here: what they prove is what is deployed.
 */
export function createMailPath(options: MailPathOptions) {
  const { config, tables, registry, log, now, random, sleep, mailFiles, around = (_, fetch) => fetch() } = options;
  const { graphUrl } = config;
  const outgoing = options.outgoing === undefined ? {} : { outgoing: options.outgoing };
  const ledger: Ledger = createLedger({ tables, now });
  const activity = options.activity ?? createActivity({ tables, log, now });
  const circuitBreaker: CircuitBreaker = createCircuitBreaker({ tables, log, now });
  const deskOf = createConfiguredDesks({
    ...{ settings: config.desks, readSecret: options.readSecret, tables },
    ...{ outgoing: options.outgoing ?? unwatched, now, random, sleep },
  });

  const graphFor = createGraphClient({ graphUrl, now, ...outgoing });
  const sourceOf = (
    { id, address, folder }: Pick<StoredMailbox, "id" | "address" | "folder">,
    budget?: RequestBudget,
  ) =>
    createGraphSource({
      ...{ graphUrl, address, folder, now },
      send: graphFor(id, options.accessTokenFor, budget),
      ...(mailFiles && {
        receive: (body: AsyncIterable<Uint8Array>, at: Date) =>
          receiveContent(body, at, mailFiles.folder, mailFiles.memoryLimitBytes),
      }),
    });

  const queueDeps = { registry, queue: options.queue, log, now };
  const queueFetches = createQueueFetches(queueDeps);
  const queueFetch = createQueueFetch(queueDeps);
  const changeMailbox = createChangeMailbox({
    ...{ registry, queueFetch, activity, log, now },
    tryDeskNow: circuitBreaker.halfOpen,
    deskNames: Object.keys(config.desks),
    forgetCheckpoint: ledger.forgetCheckpoint,
    removeGrant: options.removeGrant,
  });

  /** Of one run. */
  const runDeps: FetchMailboxDeps = {
    ...{ registry, ledger, sourceOf, deskOf, activity, log, now },
    bounds: {
      longestQuietMs: config.fetch.longestQuietMinutes * 60_000,
      longestBrokenMs: config.fetch.longestBrokenMinutes * 60_000,
    },
    askCircuit: circuitBreaker.ask,
    grantRefused: options.grantRefused,
  };
  const traced = traceFetches(createFetchMailbox(runDeps));
  const run = (fetch: FetchRun, causedBy?: string) => around(fetch, () => traced(fetch, causedBy));
  const removeLeftOverMailFiles = createMailFileCleanup({ folder: mailFiles?.folder ?? tmpdir(), log, now });
  const budgetMs = config.fetch.budgetSeconds * 1_000;
  const tick = createFetchDueMailboxes({
    ...{ registry, queueFetches, queueFetch, budgetMs, concurrency: config.fetch.concurrency, log, now },
    async fetchMailbox(fetch) {
      const outcome = await run(fetch);
      return { more: outcome.kind === "fetched" && outcome.more };
    },
  });

  return {
    ...{ registry, ledger, activity, changeMailbox, circuitBreaker, deskOf, graphFor, sourceOf, runDeps },
    quarantine: createQuarantine({ ledger, fetchNow: changeMailbox.fetchNow, activity, log, now }),
    importMail: createImportMail({ ledger, sourceOf, deliverFrom: changeMailbox.deliverFrom, now }),
    messages: createStoredMessages({ registry, ledger, sourceOf }),
    audit: createAudit({ ledger, sourceOf, now }),

    /** One tick. What does not fit into it goes to the queue. */
    async fetchDueMailboxes(): Promise<void> {
      await removeLeftOverMailFiles();
      await tick();
    },

    /**
     * One run for one mailbox, within the budget of the configuration. With work left it goes to the queue again.
     * @param causedBy the traceparent of what asked for it
     */
    async fetchMailbox(mailboxId: string, causedBy?: string): Promise<FetchOutcome> {
      await removeLeftOverMailFiles();
      const outcome = await run({ mailboxId, deadline: new Date(now().getTime() + budgetMs) }, causedBy);
      if (outcome.kind === "fetched" && outcome.more) await queueFetch(mailboxId);
      return outcome;
    },

    /** Records on a mailbox that the queue gave up on it. */
    fetchAbandoned: createAbandonedFetches({ registry, log, now }),
  };
}
