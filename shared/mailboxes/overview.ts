import pLimit from "p-limit";
import type { RestingDesk } from "../desks/desk-rests.ts";
import type { MailPerHour } from "./activity.ts";
import type { AppAlarm, MailboxRegistry, StoredMailbox } from "./mailbox.ts";
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
  /** Set where its desk is ill and left alone. */
  readonly deskRest: RestingDesk | undefined;
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
  readonly restingDesks: () => Promise<readonly RestingDesk[]>;
  readonly mailPerHour: () => Promise<MailPerHour>;
  readonly now: () => Date;
}

/** Everything that the mailboxes page and the JSON list show: one query each for all mailboxes, and counts by mailbox. */
export function createOverview(deps: OverviewDeps): () => Promise<Overview> {
  const { registry, now } = deps;
  const atOnce = pLimit(AT_ONCE);

  return async () => {
    const [mailboxes, alarm, lastTick, tokens, resting, mailPerHour] = await Promise.all([
      registry.list(),
      registry.alarm(),
      registry.lastTick(),
      deps.tokens(),
      deps.restingDesks(),
      deps.mailPerHour(),
    ]);
    const rests = new Map(resting.map((rest) => [rest.desk, rest]));
    const at = now();

    async function view(mailbox: StoredMailbox): Promise<MailboxView> {
      const counts = await deps.waiting(mailbox.id);
      const token = tokens.get(mailbox.id);
      return viewOf({ mailbox, ...counts, token, alarm, lastTick, rest: rests.get(mailbox.desk), now: at });
    }

    const views = await Promise.all(mailboxes.map((mailbox) => atOnce(() => view(mailbox))));
    return { mailboxes: views, alarm, lastTick, mailPerHour, now: at };
  };
}

/** The same for one mailbox, without a look at the others. */
export function createMailboxView(
  deps: Pick<OverviewDeps, "registry" | "waiting" | "restingDesks" | "now"> & {
    readonly token: (mailboxId: string) => Promise<TokenView | undefined>;
  },
): (mailbox: StoredMailbox) => Promise<MailboxView> {
  const { registry, now } = deps;
  return async (mailbox) => {
    const [alarm, lastTick, counts, token, resting] = await Promise.all([
      registry.alarm(),
      registry.lastTick(),
      deps.waiting(mailbox.id),
      deps.token(mailbox.id),
      deps.restingDesks(),
    ]);
    const rest = resting.find(({ desk }) => desk === mailbox.desk);
    return viewOf({ mailbox, ...counts, token, alarm, lastTick, rest, now: now() });
  };
}

function viewOf(facts: HealthFacts): MailboxView {
  const { mailbox, pending, quarantined, token, rest } = facts;
  const nextFetchAt = nextFetch(mailbox);
  return { mailbox, pending, quarantined, token, health: mailboxHealth(facts), nextFetchAt, deskRest: rest };
}

function nextFetch({ status, nextFetchAt, throttledUntil }: StoredMailbox): Date | undefined {
  if (status !== "connected") return undefined;
  return throttledUntil !== undefined && throttledUntil > nextFetchAt ? throttledUntil : nextFetchAt;
}
