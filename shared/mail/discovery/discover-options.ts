import type { Log } from "../../telemetry/log.ts";
import type { LeasedLedger } from "../ledger/ledger.ts";
import type { MessageSource } from "../message-source.ts";

/** What every way of finding mail works on. */
export interface DiscoverOptions {
  readonly mailboxId: string;
  readonly source: MessageSource;
  readonly ledger: LeasedLedger;
  /** Messages received before are left alone. */
  readonly deliverFrom: Date;
  readonly deadline: Date;
  readonly now: () => Date;
  readonly log: Log;
}
