import type { MailboxError } from "../../mailboxes/mailbox.ts";
import { isDue } from "../../platform/due.ts";
import type { LeasedLedger } from "../ledger/ledger.ts";
import type { Refusal } from "../message-source.ts";
import { syncDelta } from "./delta-sync.ts";
import type { DiscoverOptions } from "./discover-options.ts";
import { LIST_OVERLAP_MS, syncList } from "./list-sync.ts";
import { reconcile } from "./reconcile.ts";

/** While the folder is listed, changes are tried again this often. */
const TRY_CHANGES_EVERY_MS = 60 * 60_000;

export interface Discovery {
  readonly discovered: number;
  /** Of those, what the hourly sweep found, and messages that had counted as gone. */
  readonly reconciled: number;
  readonly pages: number;
  /** True where the deadline came before the end of the round. */
  readonly more: boolean;
  /** What the mailbox's page should say although mail is found. */
  readonly notice: Omit<MailboxError, "at"> | undefined;
}

/**
 * Finds what is new in the folder and writes it into the ledger: by Graph's changes; by listing the folder while Graph
 * refuses them; and once an hour by comparing the folder with the ledger.
 */
export async function discover(options: DiscoverOptions): Promise<Discovery> {
  const { ledger, deadline, now } = options;
  const wasListing = isListing(ledger);
  let { discovered, pages, more, refusal } = wasListing ? NO_WALK : await syncDelta(options);
  if (refusal !== undefined) await beginListing(refusal, options);
  if (isListing(ledger)) {
    const polled = await syncList(options);
    discovered += polled.discovered;
    pages += polled.pages;
    more = polled.more;
  }
  if (wasListing && !more && isTimeForChanges(ledger, now())) {
    const walk = await syncDelta(options);
    discovered += walk.discovered;
    pages += walk.pages;
    more = walk.more;
    if (walk.refusal !== undefined) await stayListing(walk.refusal, options);
    else if (!more) await endListing(options);
  }
  const isLate = more || now() >= deadline;
  const sweep = isLate ? undefined : await reconcile(options);
  const reconciled = sweep === undefined ? 0 : sweep.found + sweep.returned;
  return {
    discovered: discovered + reconciled,
    reconciled,
    pages: pages + (sweep?.pages ?? 0),
    more,
    notice: noticeOf(ledger, now()),
  };
}

const NO_WALK = { discovered: 0, pages: 0, more: false, refusal: undefined };

function isListing({ checkpoint }: LeasedLedger): boolean {
  return checkpoint.listFrom !== undefined;
}

function isTimeForChanges({ checkpoint: { changesAt } }: LeasedLedger, now: Date): boolean {
  return isDue(changesAt, now);
}

const later = (now: Date) => new Date(now.getTime() + TRY_CHANGES_EVERY_MS);

/** The link is kept: should Graph accept it again, its changes show what listing cannot, such as old mail moved in. */
async function beginListing(because: Refusal, { mailboxId, ledger, deliverFrom, now, log }: DiscoverOptions) {
  const { completeUntil, sweptAt = now() } = ledger.checkpoint;
  const listFrom = completeUntil === undefined ? deliverFrom : new Date(completeUntil.getTime() - LIST_OVERLAP_MS);
  await ledger.record([], { listFrom, listSince: now(), listBecause: because, changesAt: later(now()), sweptAt });
  log.warn("changes refused, listing", { mailboxId, because });
}

async function stayListing(because: Refusal, { ledger, now }: DiscoverOptions) {
  await ledger.record([], { listBecause: because, changesAt: later(now()) });
}

async function endListing({ mailboxId, ledger, log }: DiscoverOptions) {
  const { listBecause, listSince } = ledger.checkpoint;
  await ledger.record([], { listFrom: undefined, listSince: undefined, listBecause: undefined, changesAt: undefined });
  log.info("changes read again", { mailboxId, because: listBecause, since: listSince });
}

function noticeOf({ checkpoint: { listBecause, listSince } }: LeasedLedger, now: Date): Discovery["notice"] {
  if (listBecause === "mailbox-full") {
    const message =
      "The mailbox is full. Its mail still comes through, but Exchange will refuse new mail: make room in it, or raise its quota";
    return { code: "MAILBOX_FULL", message };
  }
  const lasts = listSince !== undefined && now.getTime() - listSince.getTime() >= TRY_CHANGES_EVERY_MS;
  if (listBecause === "no-end" && lasts) {
    const message = `Graph's changes of the folder have had no end since ${listSince.toISOString()}. Its mail still comes through, by listing; if this lasts for days, open a case with Microsoft's support`;
    return { code: "CHANGES_WITHOUT_END", message };
  }
  return undefined;
}
