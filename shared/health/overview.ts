import pLimit from "p-limit";
import type { MailPerHour } from "../activity/activity.ts";
import type { OpenCircuit } from "../desks/circuit-breaker.ts";
import type { AppAlarm, MailboxRegistry, StoredMailbox } from "../mailboxes/mailbox.ts";
import { type HealthFacts, type MailboxHealth, mailboxHealth } from "./mailbox-health.ts";
import type { TokenView } from "./token-view.ts";

/** Mailboxes whose counts are read side by side. */
const AT_ONCE = 16;

export interface MailboxView {
  readonly mailbox: StoredMailbox;
  /** Up to a thousand; see `COUNTED_AT_MOST`. */
  readonly pending: number;
  readonly quarantined: number;
  readonly token: TokenView | undefined;
  readonly health: MailboxHealth;
  /** `undefined` while nothing is fetched. */
  readonly nextFetchAt: Date | undefined;
  /** Set where the circuit of its desk is open. */
  readonly openCircuit: OpenCircuit | undefined;
}

export interface Overview {
  readonly mailboxes: readonly MailboxView[];
  readonly alarm: AppAlarm | undefined;
  readonly lastTick: Date | undefined;
  readonly mailPerHour: MailPerHour;
  readonly now: Date;
}

export interface OverviewDeps {
  readonly registry: MailboxRegistry;
  readonly waiting: (mailboxId: string) => Promise<{ readonly pending: number; readonly quarantined: number }>;
  /** What is known of all tokens, by mailbox id. */
  readonly tokens: () => Promise<ReadonlyMap<string, TokenView>>;
  readonly openCircuits: () => Promise<readonly OpenCircuit[]>;
  readonly mailPerHour: () => Promise<MailPerHour>;
  readonly now: () => Date;
}

/** Everything that the mailboxes page and the JSON list show: one query each for all mailboxes, and counts by mailbox. */
export function createOverview(deps: OverviewDeps): () => Promise<Overview> {
  const { registry, now } = deps;
  const atOnce = pLimit(AT_ONCE);

  return async () => {
    const [mailboxes, alarm, lastTick, tokens, open, mailPerHour] = await Promise.all([
      registry.list(),
      registry.alarm(),
      registry.lastTick(),
      deps.tokens(),
      deps.openCircuits(),
      deps.mailPerHour(),
    ]);
    const circuits = new Map(open.map((circuit) => [circuit.desk, circuit]));
    const at = now();

    async function view(mailbox: StoredMailbox): Promise<MailboxView> {
      const counts = await deps.waiting(mailbox.id);
      const token = tokens.get(mailbox.id);
      return viewOf({ mailbox, ...counts, token, alarm, lastTick, openCircuit: circuits.get(mailbox.desk), now: at });
    }

    const views = await Promise.all(mailboxes.map((mailbox) => atOnce(() => view(mailbox))));
    return { mailboxes: views, alarm, lastTick, mailPerHour, now: at };
  };
}

/** The same for one mailbox, without a look at the others. */
export function createMailboxView(
  deps: Pick<OverviewDeps, "registry" | "waiting" | "openCircuits" | "now"> & {
    readonly token: (mailboxId: string) => Promise<TokenView | undefined>;
  },
): (mailbox: StoredMailbox) => Promise<MailboxView> {
  const { registry, now } = deps;
  return async (mailbox) => {
    const [alarm, lastTick, counts, token, openCircuits] = await Promise.all([
      registry.alarm(),
      registry.lastTick(),
      deps.waiting(mailbox.id),
      deps.token(mailbox.id),
      deps.openCircuits(),
    ]);
    const openCircuit = openCircuits.find(({ desk }) => desk === mailbox.desk);
    return viewOf({ mailbox, ...counts, token, alarm, lastTick, openCircuit, now: now() });
  };
}

function viewOf(facts: HealthFacts): MailboxView {
  const { mailbox, pending, quarantined, token, openCircuit } = facts;
  const nextFetchAt = nextFetch(mailbox);
  return { mailbox, pending, quarantined, token, health: mailboxHealth(facts), nextFetchAt, openCircuit: openCircuit };
}

function nextFetch({ status, nextFetchAt, throttledUntil }: StoredMailbox): Date | undefined {
  if (status !== "connected") return undefined;
  return throttledUntil !== undefined && throttledUntil > nextFetchAt ? throttledUntil : nextFetchAt;
}
