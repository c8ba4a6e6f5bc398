import assert from "node:assert/strict";
import { argv, resourceUsage, stdout } from "node:process";
import tls from "node:tls";
import { createCircuitBreaker } from "../../../../shared/desks/circuit-breaker-table.ts";
import { createUvdesk } from "../../../../shared/desks/uvdesk.ts";
import { createWebhook } from "../../../../shared/desks/webhook.ts";
import { createGraphClient } from "../../../../shared/mail/graph/graph-client.ts";
import { createGraphSource } from "../../../../shared/mail/graph/graph-source.ts";
import { createLedger } from "../../../../shared/mail/ledger/ledger-table.ts";
import { createFetchMailbox } from "../../../../shared/mail/run/fetch-mailbox.ts";
import { createMailboxRegistry } from "../../../../shared/mailboxes/registry-table.ts";
import { createTables } from "../../../../shared/platform/tables-azure.ts";
import type { Log } from "../../../../shared/telemetry/log.ts";
import { noActivity } from "../../activity/no-activity.ts";

/** What this process is told on its command line. */
export interface MemoryProcessOptions {
  readonly mailboxId: string;
  readonly connectionString: string;
  readonly graphUrl: string;
  /** In PEM. */
  readonly certificate: string;
  readonly accessToken: string;
  readonly desk: { readonly kind: "uvdesk" | "webhook"; readonly url: string };
  readonly concurrency: number;
}

export interface MemoryProcessReport {
  readonly delivered: number;
  /** The most memory that the process ever held. */
  readonly peakBytes: number;
}

/** One run for one mailbox in a process that holds nothing but the product. */
async function run(options: MemoryProcessOptions): Promise<MemoryProcessReport> {
  const { connectionString, graphUrl, desk, concurrency } = options;
  tls.setDefaultCACertificates([options.certificate]);
  const now = () => new Date();
  const log: Log = { info: () => {}, warn: () => {}, error: () => {} };
  const credential = { getToken: async () => assert.fail("Azurite is reached with its key") };
  const tables = createTables({ storage: { connectionString }, credential });
  const secret = async () => `whsec_${Buffer.from("a secret").toString("base64")}`;
  const real =
    desk.kind === "uvdesk" ? createUvdesk({ url: desk.url, now }) : createWebhook({ url: desk.url, secret, now });
  const outcome = await createFetchMailbox({
    registry: createMailboxRegistry(tables),
    ledger: createLedger({ tables, now }),
    sourceOf: ({ id, address, folder }, budget) => {
      const send = createGraphClient({ graphUrl, now })(id, async () => options.accessToken, budget);
      return createGraphSource({ graphUrl, address, folder, send, now });
    },
    deskOf: () => ({ ...real, concurrency }),
    askCircuit: createCircuitBreaker({ tables, log, now }).ask,
    grantRefused: async () => {},
    activity: noActivity,
    log,
    now,
  })({ mailboxId: options.mailboxId, deadline: new Date(Date.now() + 10 * 60_000) });
  const delivered = outcome.kind === "fetched" ? outcome.delivered : 0;
  return { delivered, peakBytes: resourceUsage().maxRSS * 1_024 };
}

stdout.write(JSON.stringify(await run(JSON.parse(argv[2] ?? ""))));
