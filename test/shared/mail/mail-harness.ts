import assert from "node:assert/strict";
import { afterEach, before, beforeEach } from "node:test";
import { setTimeout } from "node:timers/promises";
import type { Activity } from "../../../shared/activity/activity.ts";
import { createActivity } from "../../../shared/activity/activity-table.ts";
import type { AccessTokenFor, SendToGraph } from "../../../shared/mail/graph/graph-client.ts";
import type { LeasedLedger, Ledger, StoredEntry } from "../../../shared/mail/ledger/ledger.ts";
import { createLedger } from "../../../shared/mail/ledger/ledger-table.ts";
import type { MessageSource } from "../../../shared/mail/message-source.ts";
import {
  createFetchMailbox,
  type FetchMailboxDeps,
  type FetchOutcome,
} from "../../../shared/mail/run/fetch-mailbox.ts";
import type { Mailbox, MailboxRegistry, StoredMailbox } from "../../../shared/mailboxes/mailbox.ts";
import { createMailboxRegistry } from "../../../shared/mailboxes/registry-table.ts";
import type { AppError } from "../../../shared/platform/errors.ts";
import type { Tables } from "../../../shared/platform/tables-azure.ts";
import { createLog, type Log } from "../../../shared/telemetry/log.ts";
import { createMailPath, type MailPath } from "../../../shared/wiring/mail.ts";
import { type Clock, installClock } from "../../simulator/clock.ts";
import { startUvdesk, type Uvdesk } from "../../simulator/desks/uvdesk.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../../simulator/desks/webhook-receiver.ts";
import { type Graph, startGraph } from "../../simulator/graph/graph.ts";
import type { AccessTokenDetails } from "../../simulator/graph/graph-access.ts";
import type { Mailbox as GraphMailbox } from "../../simulator/graph/graph-mailbox.ts";
import type { SeenRequest } from "../../simulator/stand-in.ts";
import { type Certificate, trustedCertificate } from "../../simulator/tls.ts";
import { validMailbox } from "../mailboxes/valid-mailbox.ts";
import { type StorageKind, startTestStorage, type TestStorage } from "../test-storage.ts";

export const ADDRESS = "help@example.com";
/** What UVdesk takes mail for; the many are for tests that tell one history after the other. */
const ADDRESSES = [
  ...[ADDRESS, "second@example.com", "third@example.com"],
  ...Array.from({ length: 200 }, (_, history) => `history-${history}@example.com`),
];
/** When every test begins. */
export const NOON = new Date("2026-11-23T12:00:00.000Z");
export const SECOND_MS = 1_000;
export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

export const OWNER = "00000000-0000-0000-0000-00000000000a";
const SECRET = `whsec_${Buffer.from("the secret that only the two of them know").toString("base64")}`;

/** Access tokens as the token module would give them; the stand-in for Graph accepts the current one alone. */
interface TokenTable {
  /** The one that is given out. */
  current: string;
  /** What Graph accepts; empty it to let the current one end. */
  readonly accepted: Set<string>;
  /** Tokens that Deskpost reported as rejected. */
  readonly rejected: string[];
  /** Thrown instead of giving a token. */
  failure: AppError | undefined;
}

interface LoggedEvent {
  readonly level: string;
  readonly event: string;
  readonly [field: string]: unknown;
}

type ConnectOptions = Partial<Omit<Mailbox, "id">>;

/** A mailbox as Deskpost has it and as Graph has it. */
export interface ConnectedMailbox {
  readonly id: string;
  readonly graph: GraphMailbox;
  /** So many small mails, received now; their immutable ids. */
  receive(...names: string[]): string[];
  stored(): Promise<StoredMailbox>;
}

interface RunOptions {
  readonly budgetMs?: number;
  /** Instead of the real ones. */
  readonly deps?: Partial<FetchMailboxDeps>;
}

/** Deskpost's mail path, real from the tables to the desks, on the stand-ins. */
export interface MailHarness {
  readonly clock: Clock;
  /** Graph's; another process needs it to trust the stand-in. */
  readonly certificate: Certificate;
  readonly storage: TestStorage;
  readonly graph: Graph;
  readonly uvdesk: Uvdesk;
  readonly webhook: WebhookReceiver;
  readonly tokens: TokenTable;
  readonly events: LoggedEvent[];
  readonly refusedGrants: { readonly mailboxId: string; readonly error: AppError }[];
  readonly tables: Tables;
  readonly registry: MailboxRegistry;
  readonly ledger: Ledger;
  readonly activity: Activity;
  readonly log: Log;
  send(): SendToGraph;
  source(mailbox?: { readonly address: string; readonly folder: string }): MessageSource;
  /** Everything that a run needs, made anew, as a process does that has just started. */
  deps(overrides?: Partial<FetchMailboxDeps>): FetchMailboxDeps;
  /** A connected mailbox that delivers to the webhook, unless told otherwise. */
  connect(options?: ConnectOptions): Promise<ConnectedMailbox>;
  /** One run in a new process. */
  run(mailbox: ConnectedMailbox, options?: RunOptions): Promise<FetchOutcome>;
  /** So many runs, a minute apart. */
  runs(mailbox: ConnectedMailbox, times: number, options?: RunOptions): Promise<void>;
  lease(mailbox: { readonly id: string }): Promise<LeasedLedger>;
  entry(mailbox: ConnectedMailbox, messageId: string): Promise<StoredEntry>;
  /** Names of the mails that the webhook took, in their order. */
  taken(): string[];
}

/** A small mail; its name is its subject and its Message-ID. */
export function mail(name: string, body = "Hello"): Buffer {
  const head = [
    "From: Customer <customer@example.org>",
    `To: ${ADDRESS}`,
    `Subject: ${name}`,
    `Message-ID: <${name}@example.org>`,
  ];
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}\r\n`);
}

export function nameOf(bytes: Buffer): string {
  return /^Subject: (.*?)\r?$/m.exec(bytes.toString("latin1"))?.[1] ?? "";
}

export const now = () => new Date();
const sleep = async (ms: number) => void (await setTimeout(ms));

/** What Entra says about a token of the mailbox's owner that is an hour from its end. */
export function ownersToken(): AccessTokenDetails {
  const expiresAt = new Date(Date.now() + HOUR_MS);
  return { oid: OWNER, tenantId: "tenant", scopes: ["Mail.ReadWrite"], roles: [], expiresAt };
}

/** Matches the reading of a message's MIME; of one message, where its id is given. */
export function readsContent(messageId?: string): (request: SeenRequest) => boolean {
  return ({ path }) =>
    path.endsWith("/$value") && (messageId === undefined || path.includes(encodeURIComponent(messageId)));
}

/** Matches the requests for pages of changes. */
export function asksForChanges({ path }: SeenRequest): boolean {
  return path.endsWith("/messages/delta");
}

/** Everything fresh for each test of the file. */
export function useMailHarness({ storage: kind = "memory" }: { readonly storage?: StorageKind } = {}): MailHarness {
  let certificate: Certificate;
  let clock: Clock;
  let storage: TestStorage;
  let graph: Graph;
  let uvdesk: Uvdesk;
  let webhook: WebhookReceiver;
  let tokens: TokenTable;
  let tables: Tables;
  let events: LoggedEvent[];
  let refusedGrants: { mailboxId: string; error: AppError }[];

  const log = createLog((level, line) => events.push({ level, ...JSON.parse(line) }));

  before(async () => {
    certificate = await trustedCertificate();
  });
  beforeEach(async () => {
    clock = installClock(NOON);
    tokens = { current: "token-1", accepted: new Set(["token-1"]), rejected: [], failure: undefined };
    events = [];
    refusedGrants = [];
    storage = await startTestStorage(kind);
    graph = await startGraph({ port: 0, certificate, describeAccessToken });
    uvdesk = await startUvdesk({ port: 0, mailboxes: ADDRESSES });
    webhook = await startWebhookReceiver({ port: 0, secret: SECRET });
    tables = storage.openTables();
  });
  afterEach(async () => {
    await Promise.all([storage.stop(), graph.stop(), uvdesk.stop(), webhook.stop()]);
    clock.uninstall();
  });

  function describeAccessToken(token: string) {
    return tokens.accepted.has(token) ? ownersToken() : undefined;
  }

  const accessTokenFor: AccessTokenFor = async (_mailboxId, rejected) => {
    if (tokens.failure !== undefined) throw tokens.failure;
    if (rejected !== undefined) {
      tokens.rejected.push(rejected.value);
      tokens.current = `token-${tokens.rejected.length + 1}`;
      tokens.accepted.add(tokens.current);
    }
    return tokens.current;
  };

  /** The product's own wiring, on tables that are opened anew. */
  function mailPath(): MailPath {
    const fresh = storage.openTables();
    return createMailPath({
      ...{
        tables: fresh,
        registry: createMailboxRegistry(fresh),
        accessTokenFor,
        log,
        now,
        sleep,
        random: Math.random,
      },
      config: {
        graphUrl: graph.origin,
        desks: {
          uvdesk: { kind: "uvdesk", url: uvdesk.origin },
          webhook: { kind: "webhook", url: webhook.url, secretName: "webhook-signing-secret" },
        },
        fetch: { budgetSeconds: 45, concurrency: 4, longestQuietMinutes: 0, longestBrokenMinutes: 15 },
      },
      queue: { send: async () => assert.fail("these tests have no queue") },
      readSecret: async () => SECRET,
      grantRefused: async (mailboxId, error) => {
        refusedGrants.push({ mailboxId, error });
      },
      removeGrant: async () => assert.fail("these tests have no grants"),
    });
  }

  function deps(overrides: Partial<FetchMailboxDeps> = {}): FetchMailboxDeps {
    return { ...mailPath().runDeps, ...overrides };
  }

  async function connect(changes: ConnectOptions = {}): Promise<ConnectedMailbox> {
    const address = changes.address ?? ADDRESS;
    const folder = changes.folder ?? "inbox";
    const inGraph = graph.mailbox(address) ?? graph.addMailbox({ address, ownerOid: OWNER });
    const registry = createMailboxRegistry(tables);
    const { id } = await registry.add(
      validMailbox({ desk: "webhook", deliverFrom: NOON, nextFetchAt: NOON, ...changes, address, folder }),
    );
    return {
      id,
      graph: inGraph,
      receive: (...names) => names.map((name) => inGraph.deliver(mail(name), { folder, name }).immutableId),
      stored: async () => (await registry.get(id)) ?? assert.fail(`mailbox ${address} is not in the list`),
    };
  }

  async function run(mailbox: ConnectedMailbox, { budgetMs = 10 * MINUTE_MS, deps: overrides }: RunOptions = {}) {
    const fetchMailbox = createFetchMailbox(deps(overrides));
    return await fetchMailbox({ mailboxId: mailbox.id, deadline: new Date(Date.now() + budgetMs) });
  }

  return {
    get clock() {
      return clock;
    },
    get certificate() {
      return certificate;
    },
    get storage() {
      return storage;
    },
    get graph() {
      return graph;
    },
    get uvdesk() {
      return uvdesk;
    },
    get webhook() {
      return webhook;
    },
    get tokens() {
      return tokens;
    },
    get events() {
      return events;
    },
    get refusedGrants() {
      return refusedGrants;
    },
    get tables() {
      return tables;
    },
    get registry() {
      return createMailboxRegistry(tables);
    },
    get ledger() {
      return createLedger({ tables, now });
    },
    get activity() {
      return createActivity({ tables, log, now });
    },
    log,
    send: () => mailPath().graphFor("mailbox", accessTokenFor),
    source: (mailbox = { address: ADDRESS, folder: "inbox" }) => mailPath().sourceOf({ id: "mailbox", ...mailbox }),
    deps,
    connect,
    run,
    runs: async (mailbox, times, options) => {
      for (let made = 0; made < times; made += 1) {
        await run(mailbox, options);
        clock.advance(MINUTE_MS);
      }
    },
    lease: async ({ id }) =>
      (await createLedger({ tables, now }).lease(id)) ?? assert.fail("another run holds the lease"),
    entry: async ({ id }, messageId) => {
      const entries = await createLedger({ tables, now }).entries(id);
      return entries.find((entry) => entry.messageId === messageId) ?? assert.fail("the ledger does not know it");
    },
    taken: () =>
      webhook.received.filter(({ status }) => status >= 200 && status < 300).map(({ bytes }) => nameOf(bytes)),
  };
}
