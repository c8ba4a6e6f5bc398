import { output } from "@azure/functions";
import { traceparent } from "../shared/telemetry/spans.ts";

/** A message names the mailbox, and what caused it; what is true is in the tables. */
export const FETCHES_QUEUE = "mailbox-fetches";
export const STORAGE_CONNECTION = "AzureWebJobsStorage";

export interface MailboxFetch {
  readonly mailboxId: string;
  /** The span that asked for the fetch, so that the two are found together. */
  readonly traceparent?: string;
}

/** A message for the queue, with the span under way. */
export function mailboxFetch(mailboxId: string): MailboxFetch {
  const cause = traceparent();
  return cause === undefined ? { mailboxId } : { mailboxId, traceparent: cause };
}

/** The queue of the mailboxes to be fetched, for functions that put some there. */
export const fetchesQueue = output.storageQueue({ queueName: FETCHES_QUEUE, connection: STORAGE_CONNECTION });
