import assert from "node:assert/strict";
import { afterEach, before, beforeEach } from "node:test";
import { Client, type Context, type Middleware } from "@microsoft/microsoft-graph-client";
import { type Clock, installClock } from "../clock.ts";
import { type Certificate, trustedCertificate } from "../tls.ts";
import { type Graph, startGraph } from "./graph.ts";
import type { AccessTokenDetails } from "./graph-access.ts";
import type { Mailbox } from "./graph-mailbox.ts";

export const ADDRESS = "help@example.com";
export const OWNER = "00000000-0000-0000-0000-00000000000a";
const DELEGATE = "00000000-0000-0000-0000-00000000000b";
const READER = "00000000-0000-0000-0000-00000000000c";
const STRANGER = "00000000-0000-0000-0000-00000000000d";
/** When every test begins. */
export const NOON = new Date("2026-11-23T12:00:00.400Z");
export const HOUR_MS = 3_600_000;
export const IMMUTABLE = 'IdType="ImmutableId"';

const ownerToken: AccessTokenDetails = {
  oid: OWNER,
  tenantId: "tenant",
  scopes: ["Mail.ReadWrite"],
  roles: [],
  expiresAt: new Date(NOON.getTime() + 365 * 24 * HOUR_MS),
};

/** What the tests send as bearer tokens. */
const tokens: Readonly<Record<string, AccessTokenDetails>> = {
  owner: ownerToken,
  "owner-read-only": { ...ownerToken, scopes: ["Mail.Read"] },
  "owner-shared-scopes": { ...ownerToken, scopes: ["Mail.ReadWrite.Shared"] },
  "owner-one-hour": { ...ownerToken, expiresAt: new Date(NOON.getTime() + HOUR_MS) },
  delegate: { ...ownerToken, oid: DELEGATE, scopes: ["Mail.ReadWrite.Shared"] },
  "delegate-own-scopes": { ...ownerToken, oid: DELEGATE },
  reader: { ...ownerToken, oid: READER, scopes: ["Mail.ReadWrite.Shared"] },
  stranger: { ...ownerToken, oid: STRANGER, scopes: ["Mail.ReadWrite", "Mail.ReadWrite.Shared"] },
  app: { ...ownerToken, oid: STRANGER, scopes: [], roles: ["Mail.ReadWrite"] },
  expired: { ...ownerToken, expiresAt: NOON },
  "for-key-vault": { ...ownerToken, audience: "https://vault.azure.net" },
  challenged: { ...ownerToken, claimsChallenge: '{"access_token":{"nbf":{"essential":true}}}' },
};

interface GetOptions {
  readonly token?: string;
  readonly prefer?: string;
}

export interface GraphTestHarness {
  readonly clock: Clock;
  readonly graph: Graph;
  readonly mailbox: Mailbox;
  /** The real client, with a token from the table. */
  client(token?: string): Client;
  /** Without the client: a path below the user, or a whole address. */
  get(path: string, options?: GetOptions): Promise<Response>;
  /** So many small mails; their immutable ids. */
  deliver(count: number): string[];
}

/** A fresh Graph with one mailbox for each test of the file. */
export function useGraph(random?: () => number): GraphTestHarness {
  let certificate: Certificate;
  let clock: Clock;
  let graph: Graph;
  let mailbox: Mailbox;

  before(async () => {
    certificate = await trustedCertificate();
  });
  beforeEach(async () => {
    clock = installClock(NOON);
    const describeAccessToken = (token: string) => tokens[token];
    graph = await startGraph({ port: 0, certificate, describeAccessToken, ...(random ? { random } : {}) });
    mailbox = graph.addMailbox({ address: ADDRESS, ownerOid: OWNER, delegates: [DELEGATE], readers: [READER] });
  });
  afterEach(async () => {
    await graph.stop();
    clock.uninstall();
  });

  return {
    get clock() {
      return clock;
    },
    get graph() {
      return graph;
    },
    get mailbox() {
      return mailbox;
    },
    client: (token = "owner") => Client.initWithMiddleware({ baseUrl: graph.origin, middleware: sendWith(token) }),
    get: (path, { token = "owner", prefer } = {}) =>
      fetch(path.startsWith("https:") ? path : `${graph.origin}/v1.0/users/${ADDRESS}${path}`, {
        headers: { authorization: `Bearer ${token}`, ...(prefer === undefined ? {} : { prefer }) },
      }),
    deliver: (count) =>
      Array.from({ length: count }, () => mailbox.deliver(Buffer.from("Subject: x\r\n\r\nx")).immutableId),
  };
}

/** A middleware of its own: the client's own handlers send tokens to Microsoft's hosts only. */
function sendWith(token: string): Middleware {
  return {
    execute: async (context: Context) => {
      const headers = { ...(context.options?.headers as Record<string, string>), Authorization: `Bearer ${token}` };
      context.response = await fetch(context.request, { ...context.options, headers });
    },
  };
}

/** The error that an answer tells. */
export async function errorOf(response: Response): Promise<{ status: number; code: string; message: string }> {
  const { error } = (await response.json()) as { error: { code: string; message: string } };
  return { status: response.status, code: error.code, message: error.message };
}

export async function jsonOf(response: Response): Promise<Record<string, unknown>> {
  assert.equal(response.status, 200, await response.clone().text());
  return (await response.json()) as Record<string, unknown>;
}
