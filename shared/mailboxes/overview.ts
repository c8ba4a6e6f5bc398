import pLimit from "p-limit";
import type { AppAlarm, MailboxRegistry, StoredMailbox } from "./mailbox.ts";

/** Mailboxes whose counts are read side by side. */
const AT_ONCE = 16;

/** What is known of a mailbox's tokens, without any secret. */
export interface TokenView {
  readonly userName: string;
  /** End of the access token in hand. */
  readonly goodUntil: Date;
  /** When it is renewed, ahead of that end. */
  readonly refreshAt: Date;
  /** `goodUntil`: its end, should nothing renew it before. `undefined` where the application itself has access. */
  readonly refreshToken: { readonly savedAt: Date; readonly goodUntil: Date } | undefined;
}

export interface MailboxView {
  readonly mailbox: StoredMailbox;
  readonly pending: number;
  readonly quarantined: number;
  readonly token: TokenView | undefined;
}

export interface Overview {
  readonly mailboxes: readonly MailboxView[];
  readonly alarm: AppAlarm | undefined;
  readonly lastTick: Date | undefined;
  readonly now: Date;
}

export interface OverviewDeps {
  readonly registry: MailboxRegistry;
  readonly waiting: (mailboxId: string) => Promise<{ readonly pending: number; readonly quarantined: number }>;
  readonly token: (mailboxId: string) => Promise<TokenView | undefined>;
  readonly now: () => Date;
}

/** Everything that the mailboxes page and the JSON list show. */
export function createOverview({ registry, waiting, token, now }: OverviewDeps): () => Promise<Overview> {
  const atOnce = pLimit(AT_ONCE);

  return async () => {
    const [mailboxes, alarm, lastTick] = await Promise.all([registry.list(), registry.alarm(), registry.lastTick()]);
    const views = mailboxes.map((mailbox) =>
      atOnce(async () => ({ mailbox, ...(await waiting(mailbox.id)), token: await token(mailbox.id) })),
    );
    return { mailboxes: await Promise.all(views), alarm, lastTick, now: now() };
  };
}
