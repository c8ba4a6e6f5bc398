import assert from "node:assert/strict";
import { argv, resourceUsage, stdout } from "node:process";
import { setTimeout } from "node:timers/promises";
import tls from "node:tls";
import { createUvdesk } from "../../../../shared/desks/uvdesk.ts";
import { createFetchMailbox } from "../../../../shared/mail/run/fetch-mailbox.ts";
import { createMailboxRegistry } from "../../../../shared/mailboxes/registry-table.ts";
import { createTables } from "../../../../shared/platform/tables-azure.ts";
import type { Log } from "../../../../shared/telemetry/log.ts";
import { createMailPath } from "../../../../shared/wiring/mail.ts";
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
  const { runDeps } = createMailPath({
    ...{ tables, registry: createMailboxRegistry(tables), activity: noActivity, log, now, random: Math.random },
    config: {
      graphUrl,
      desks: { [desk.kind]: { ...desk, secretName: "webhook-signing-secret" } },
      fetch: { budgetSeconds: 600, concurrency: 1, longestQuietMinutes: 0, longestBrokenMinutes: 15 },
    },
    accessTokenFor: async () => options.accessToken,
    readSecret: async () => `whsec_${Buffer.from("a secret that is long enough for it").toString("base64")}`,
    queue: { send: async () => assert.fail("one run needs no queue") },
    grantRefused: async () => {},
    removeGrant: async () => {},
    sleep: async (ms) => void (await setTimeout(ms)),
  });
  const outcome = await createFetchMailbox({
    ...runDeps,
    // UVdesk without its lock: three at once are what is measured.
    deskOf: (mailbox) => ({
      ...(desk.kind === "uvdesk" ? createUvdesk({ url: desk.url, now }) : runDeps.deskOf(mailbox)),
      concurrency,
    }),
  })({ mailboxId: options.mailboxId, deadline: new Date(Date.now() + 10 * 60_000) });
  const delivered = outcome.kind === "fetched" ? outcome.delivered : 0;
  return { delivered, peakBytes: resourceUsage().maxRSS * 1_024 };
}

stdout.write(JSON.stringify(await run(JSON.parse(argv[2] ?? ""))));
