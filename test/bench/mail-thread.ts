import assert from "node:assert/strict";
import tls from "node:tls";
import { parentPort, workerData } from "node:worker_threads";
import { createFetchMailbox } from "../../shared/mail/run/fetch-mailbox.ts";
import { createMailboxRegistry } from "../../shared/mailboxes/registry-table.ts";
import type { Secrets } from "../../shared/platform/key-vault-azure.ts";
import { createTables } from "../../shared/platform/tables-azure.ts";
import type { Log } from "../../shared/telemetry/log.ts";
import { type AppHealth, createAccessTokens } from "../../shared/tokens/access-tokens.ts";
import { createGrantStore } from "../../shared/tokens/grant-store-azure.ts";
import type { TokenEndpoint } from "../../shared/tokens/token-endpoint.ts";
import { createTokenSealer } from "../../shared/tokens/token-sealer.ts";
import { createMailPath } from "../../shared/wiring/mail.ts";
import { validMailbox } from "../shared/mailboxes/valid-mailbox.ts";

/** What the thread starts with. */
export interface MailThreadData {
  readonly connectionString: string;
  readonly graphUrl: string;
  /** In PEM. */
  readonly certificate: string;
  readonly accessToken: string;
  readonly address: string;
  readonly desk: { readonly kind: "uvdesk" | "webhook"; readonly url: string };
  /** When the bench began, in ms since 1970, and what has passed since. */
  readonly beganAt: number;
  readonly elapsed: Float64Array<SharedArrayBuffer>;
}

/** Answers each message, once nothing is left to be delivered. */
export interface MailThreadAnswer {
  readonly runs: number;
  readonly delivered: number;
}

/** The setting FETCH_BUDGET_SECONDS, unless it is set. */
const BUDGET_MS = 45_000;
const DAY_MS = 24 * 3_600_000;

// The other end of mail-path.ts: the product alone, so that its processor time can be told from that of the stand-ins.
const data = workerData as MailThreadData;
tls.setDefaultCACertificates([data.certificate]);
const fetchUntilDone = await createFetching(data);
parentPort?.on("message", () => {
  void fetchUntilDone().then((answer) => parentPort?.postMessage(answer));
});
parentPort?.postMessage("ready");

/** The mail path by the product's own wiring, with a token that is good for the day. */
async function createFetching({ connectionString, graphUrl, accessToken, address, ...options }: MailThreadData) {
  const now = () => new Date(options.beganAt + (options.elapsed[0] ?? 0));
  const log: Log = { info: () => {}, warn: assert.fail, error: assert.fail };
  const nobody = () => assert.fail("nobody needs it");
  const tables = createTables({ storage: { connectionString }, credential: { getToken: nobody } });
  const registry = createMailboxRegistry(tables);
  const mailbox = await registry.add(
    validMailbox({ address, desk: options.desk.kind, deliverFrom: now(), nextFetchAt: now() }),
  );

  const secrets = memorySecrets();
  const grants = createGrantStore({ tables, secrets });
  const sealer = createTokenSealer(secrets);
  await grants.replace({
    mailboxId: mailbox.id,
    kind: "owner",
    generation: "first",
    tenantId: "tenant",
    objectId: "owner",
    userName: address,
    scopes: ["Mail.Read"],
    secretName: "refresh-token",
    secretVersion: "1",
    secretVersionBefore: "",
    secretVersions: 1,
    refreshTokenSavedAt: now(),
    accessToken: await sealer.seal(mailbox.id, accessToken),
    expiresAt: new Date(now().getTime() + DAY_MS),
    refreshAt: new Date(now().getTime() + DAY_MS),
    failures: 0,
    nextAttemptAt: undefined,
    claims: undefined,
    refused: false,
    leaseUntil: undefined,
  });
  const tokens = createAccessTokens({
    ...{ grants, sealer, log, now },
    endpoint: new Proxy({} as TokenEndpoint, { get: nobody }),
    appHealth: new Proxy({} as AppHealth, { get: nobody }),
    saveAfterMs: DAY_MS,
    random: Math.random,
    sleep: nobody,
  });

  const { kind, url } = options.desk;
  const { runDeps } = createMailPath({
    ...{ tables, registry, log, now, random: Math.random, sleep: nobody, accessTokenFor: tokens.accessTokenFor },
    config: {
      graphUrl,
      desks: { [kind]: { kind, url, secretName: "webhook-signing-secret" } },
      fetch: { budgetSeconds: BUDGET_MS / 1_000, concurrency: 4, longestQuietMinutes: 0, longestBrokenMinutes: 15 },
    },
    readSecret: async () => `whsec_${Buffer.from("a secret that is long enough for it").toString("base64")}`,
    queue: { send: nobody },
    grantRefused: nobody,
    removeGrant: nobody,
  });
  const fetchMailbox = createFetchMailbox(runDeps);

  return async function fetchUntilDone(): Promise<MailThreadAnswer> {
    let delivered = 0;
    for (let runs = 1; ; runs += 1) {
      const deadline = new Date(now().getTime() + BUDGET_MS);
      const outcome = await fetchMailbox({ mailboxId: mailbox.id, deadline });
      if (outcome.kind !== "fetched") throw new Error(`The run did not come through: ${JSON.stringify(outcome)}`);
      delivered += outcome.delivered;
      if (!outcome.more) return { runs, delivered };
    }
  };
}

function memorySecrets(): Secrets {
  const values = new Map<string, { readonly value: string; readonly version: string }>();
  const nobody = () => assert.fail("nobody needs it");
  return {
    read: async (name) => values.get(name),
    write: async (name, value) => {
      values.set(name, { value, version: "1" });
      return "1";
    },
    touch: nobody,
    disable: nobody,
    remove: nobody,
  };
}
