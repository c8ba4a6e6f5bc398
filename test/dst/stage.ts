import { createHash } from "node:crypto";
import { createMailboxRegistry } from "../../shared/mailboxes/registry-table.ts";
import { createLog, errorFields } from "../../shared/telemetry/log.ts";
import { validMailbox } from "../shared/mailboxes/valid-mailbox.ts";
import { startUvdesk, type Uvdesk } from "../simulator/desks/uvdesk.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../simulator/desks/webhook-receiver.ts";
import { type Graph, startGraph } from "../simulator/graph/graph.ts";
import { makeDeterministic } from "./deterministic-process.ts";
import { createDisk, type Disk } from "./disk.ts";
import { createDraws, type Draws } from "./draws.ts";
import { createFaults, type Faults } from "./faults.ts";
import { createMailPath } from "./instances.ts";
import { createNetwork } from "./network.ts";
import type { DeskHolding } from "./oracle.ts";
import { createPeople, type People } from "./people.ts";
import { drawPlan, type Plan } from "./plan.ts";
import { createPlatform, type Platform } from "./platform.ts";
import { createScheduler, type Scheduler } from "./scheduler.ts";
import { createStorage, type Storage } from "./storage.ts";
import { createVirtualTime, type VirtualTime } from "./virtual-time.ts";
import { createWatch, type Watch } from "./watch.ts";
import { createWorld, type Mail, OWNER, UNWANTED_SENDER, type World } from "./world.ts";

/** Everything that takes part in one history. */
export interface Stage {
  readonly plan: Plan;
  readonly draws: Draws;
  readonly time: VirtualTime;
  readonly scheduler: Scheduler;
  readonly storage: Storage;
  readonly graph: Graph;
  readonly uvdesk: Uvdesk;
  readonly webhook: WebhookReceiver;
  readonly world: World;
  readonly watch: Watch;
  readonly chance: Faults;
  readonly platform: Platform;
  readonly people: People;
  readonly disk: Disk;
  /** What should not be. */
  readonly faults: string[];
  readonly trace: (line: string) => void;
  traceHash(): string;
  atDesk(mail: Mail): DeskHolding;
  /** While it is calm, what runs throw is a fault. */
  isCalm: boolean;
  isDeskOut: boolean;
  /** Gives the process back its clock, its chance and its network. */
  close(): void;
}

const START = Date.UTC(2026, 10, 23, 12);
const HOUR_MS = 3_600_000;
const SECRET = `whsec_${Buffer.from("the secret that only the two of them know").toString("base64")}`;
/** There is no TLS within a process. */
const NO_CERTIFICATE = { key: "", cert: "" };

/** Sets the stage for the history that a seed stands for. The process is no longer itself until it is closed. */
export async function setStage(seed: number, onTrace?: (line: string) => void): Promise<Stage> {
  // Each matter draws from a stream of its own, so that a change of one leaves the others as they were.
  const [planned, draws, chances, events, noise, diskChances, wishes, halves] = Array.from({ length: 8 }, (_, stream) =>
    createDraws(seed * 8 + stream),
  ) as [Draws, Draws, Draws, Draws, Draws, Draws, Draws, Draws];
  const plan = drawPlan(planned);
  const time = createVirtualTime(START);
  const hash = createHash("sha256");
  const faults: string[] = [];

  const trace = (line: string) => {
    const at = `${new Date(time.now()).toISOString().slice(5, 23)} ${line}`;
    hash.update(at);
    onTrace?.(at);
  };
  const violated = (law: string) => {
    trace(`VIOLATED: ${law}`);
    faults.push(law);
  };

  const scheduler = createScheduler({ time, draws, trace });
  const chance = createFaults({
    plan,
    draws: chances,
    diskDraws: diskChances,
    halfDraws: halves,
    world: () => stage.world,
    isDeskOut: () => stage.isDeskOut,
    storageFailed: (mails) => stage.watch.storageFailed(mails),
    trace,
  });
  const network = createNetwork(scheduler, {
    fault: chance.network,
    arrived: (...seen) => stage.watch.arrived(...seen),
    answerLost: (...seen) => stage.watch.answerLost(...seen),
    answered: (...seen) => stage.watch.answered(...seen),
  });
  const storage = createStorage(scheduler, {
    isRefused: (request) => chance.storage("refused", request),
    isAnswerLost: (request) => chance.storage("answer lost", request),
    changed: (changes) => stage.watch.changed(changes, scheduler.actor()),
  });
  const disk = createDisk({
    operate: (name, effect) => scheduler.operate({ name, effect }),
    fault: chance.disk,
  });
  const close = makeDeterministic({ time, draws: noise, fetch: network.fetch, disk });

  let acceptedToken = 1;
  let currentToken = 1;
  const { startServer } = network;
  const graph = await startGraph({
    port: 0,
    certificate: NO_CERTIFICATE,
    random: events.number,
    startServer,
    describeAccessToken: (token) =>
      token === `token-${acceptedToken}`
        ? {
            oid: OWNER,
            tenantId: "tenant",
            scopes: ["Mail.ReadWrite"],
            roles: [],
            expiresAt: new Date(time.now() + HOUR_MS),
          }
        : undefined,
  });
  graph.controls.largestPage = plan.largestPage;
  const addresses = plan.mailboxes.map(({ address }) => address);
  const uvdesk = await startUvdesk({ port: 0, mailboxes: addresses, startServer });
  uvdesk.blockedSenders.add(UNWANTED_SENDER);
  uvdesk.breaksOff = chance.breaksOff;
  const webhook = await startWebhookReceiver({ port: 0, secret: SECRET, startServer });

  const endTokens = () => {
    acceptedToken += 1;
  };
  const world = createWorld({ plan, graph, draws: events, trace, endTokens });

  function atDesk(mail: Mail): DeskHolding {
    if (mail.mailbox.plan.desk === "uvdesk") {
      const tickets = uvdesk.tickets.filter(({ subject }) => subject === mail.name);
      return {
        times: tickets.reduce((sum, { threads }) => sum + threads, 0),
        bytes: tickets.flatMap(({ rawMails }) => rawMails.map(({ bytes }) => bytes)),
      };
    }
    const taken = webhook.received.filter(
      ({ status, headers, bytes }) =>
        status < 300 &&
        headers["deskpost-mailbox"] === mail.mailbox.plan.address &&
        bytes.includes(`Subject: ${mail.name}\r`),
    );
    return { times: taken.length, bytes: taken.map(({ bytes }) => bytes) };
  }

  const watch = createWatch({ world, isAtDesk: (mail) => atDesk(mail).times > 0, violated });

  const log = createLog((level, line) => trace(`${level} ${line}`));
  const platform = createPlatform({
    instances: plan.instances,
    scheduler,
    draws,
    trace,
    startMailPath: ({ around, queue }) =>
      createMailPath({
        tables: storage.tables,
        graphUrl: graph.origin,
        uvdeskUrl: uvdesk.origin,
        webhookUrl: webhook.url,
        webhookSecret: SECRET,
        accessTokenFor: async (_, rejected) => {
          if (rejected !== undefined) currentToken = acceptedToken;
          return `token-${currentToken}`;
        },
        budgetMs: plan.budgetMs,
        around,
        queue,
        heldInMemoryBytes: plan.heldInMemoryBytes,
        log,
      }),
    ended: (run, outcome) => {
      watch.ended(run);
      const isThrottled = outcome.kind === "failed" && outcome.code === "GRAPH_THROTTLED";
      if (isThrottled && run.throttledUntil !== undefined) watch.throttled(run, run.throttledUntil);
    },
    failed: (error) => {
      if (stage.isCalm) violated(`a run threw: ${(error as Error).stack}`);
      else log.error("request failed", errorFields(error));
    },
  });

  const people = createPeople({ plan, world, platform, draws: wishes, violated });

  const registry = createMailboxRegistry(storage.unseen);
  for (const { plan: planned, deliverFrom } of world.mailboxes) {
    const { address, desk, acknowledge } = planned;
    await registry.add(validMailbox({ address, desk, acknowledge, deliverFrom, nextFetchAt: new Date(START) }));
  }

  const stage: Stage = {
    plan,
    draws,
    time,
    scheduler,
    storage,
    graph,
    uvdesk,
    webhook,
    world,
    watch,
    chance,
    platform,
    people,
    disk,
    faults,
    trace,
    traceHash: () => hash.copy().digest("hex"),
    atDesk,
    isCalm: false,
    isDeskOut: false,
    close,
  };
  return stage;
}
