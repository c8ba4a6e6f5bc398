import { output } from "@azure/functions";

/** A message is `{ mailboxId }` and nothing more: what is true is in the tables. */
export const FETCHES_QUEUE = "mailbox-fetches";
export const STORAGE_CONNECTION = "AzureWebJobsStorage";

export interface MailboxFetch {
  readonly mailboxId: string;
}

/** The queue of the mailboxes to be fetched, for functions that put some there. */
export const fetchesQueue = output.storageQueue({ queueName: FETCHES_QUEUE, connection: STORAGE_CONNECTION });
