import { after, afterEach, before, beforeEach } from "node:test";
import {
  type AccessTokenFor,
  createGraphClient,
  type SendToGraph,
} from "../../../../shared/mail/graph/graph-client.ts";
import { type Clock, installClock } from "../../../simulator/clock.ts";
import { type Graph, startGraph } from "../../../simulator/graph/graph.ts";
import type { Mailbox } from "../../../simulator/graph/graph-mailbox.ts";
import { type Answer, type SeenRequest, type StandIn, startStandIn } from "../../../simulator/stand-in.ts";
import { trustedCertificate } from "../../../simulator/tls.ts";
import { ADDRESS, NOON, now, OWNER, ownersToken } from "../mail-harness.ts";

/** What the client asked for as a token. */
export interface TokenRequest {
  readonly mailboxId: string;
  readonly rejected: string | undefined;
  readonly claims: string | undefined;
}

/** Graph with one mailbox, another server that must never see a token, and the real client. */
interface GraphHarness {
  readonly clock: Clock;
  readonly graph: Graph;
  readonly mailbox: Mailbox;
  /** Of the next requests, `times` get this answer. */
  answer(answer: Answer, times?: number): void;
  /** Requests that Graph saw in this test. */
  readonly requests: readonly SeenRequest[];
  /** Somebody else's server. */
  readonly stranger: StandIn;
  readonly send: SendToGraph;
  readonly tokenRequests: TokenRequest[];
  /** Graph accepts these; the client is given the first that was not rejected. */
  acceptTokens(...tokens: string[]): void;
  /** From now on there is no token, but this. */
  failTokens(error: Error): void;
}

/** One Graph for the file, a fresh mailbox for each test. */
export function useGraphHarness(): GraphHarness {
  let clock: Clock;
  let graph: Graph;
  let stranger: StandIn;
  let mailbox: Mailbox;
  let accepted: ReadonlySet<string>;
  let tokenFailure: Error | undefined;
  const tokenRequests: TokenRequest[] = [];

  before(async () => {
    const certificate = await trustedCertificate();
    graph = await startGraph({ port: 0, certificate, describeAccessToken });
    stranger = await startStandIn({ name: "Stranger", port: 0, certificate, handle: () => ({ status: 200 }) });
  });
  after(() => Promise.all([graph.stop(), stranger.stop()]));
  beforeEach(() => {
    clock = installClock(NOON);
    mailbox = graph.addMailbox({ address: ADDRESS, ownerOid: OWNER });
    accepted = new Set(["token-1", "token-2"]);
    tokenFailure = undefined;
    graph.server.requests.length = 0;
    stranger.requests.length = 0;
    tokenRequests.length = 0;
  });
  afterEach(() => {
    graph.server.clearFaults();
    graph.server.setDown(false);
    clock.uninstall();
  });

  function describeAccessToken(token: string) {
    return accepted.has(token) ? ownersToken() : undefined;
  }

  const accessTokenFor: AccessTokenFor = async (mailboxId, rejected) => {
    tokenRequests.push({ mailboxId, rejected: rejected?.value, claims: rejected?.claims });
    if (tokenFailure !== undefined) throw tokenFailure;
    return rejected === undefined ? "token-1" : "token-2";
  };

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
    answer: (answer, times = 1) => graph.server.plan(() => true, { kind: "answer", answer }, times),
    get requests() {
      return graph.server.requests;
    },
    get stranger() {
      return stranger;
    },
    send: (request) => createGraphClient({ graphUrl: graph.origin, now })("mailbox-1", accessTokenFor)(request),
    tokenRequests,
    acceptTokens: (...tokens) => {
      accepted = new Set(tokens);
    },
    failTokens: (error) => {
      tokenFailure = error;
    },
  };
}
