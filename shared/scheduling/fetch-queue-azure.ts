import type { TokenCredential } from "@azure/identity";
import { QueueClient, type StoragePipelineOptions } from "@azure/storage-queue";
import pLimit from "p-limit";
import { AppError } from "../platform/errors.ts";
import { isNotFound, storageRemedy } from "../platform/tables-azure.ts";
import { traceparent } from "../telemetry/spans.ts";
import { FETCHES_QUEUE, type FetchQueue, type MailboxFetch } from "./queue-fetches.ts";

/** Storage takes 2,000 messages a second in a queue: https://learn.microsoft.com/azure/storage/queues/scalability-targets */
const SENDS_AT_ONCE = 64;
const RETRIES: StoragePipelineOptions = { retryOptions: { maxTries: 3, tryTimeoutInMs: 15_000 } };

export interface FetchQueueOptions {
  readonly storage: { readonly connectionString: string } | { readonly queueServiceUri: string };
  /** Needed with `queueServiceUri`. */
  readonly credential: TokenCredential;
}

/**
 * The queue in Azure Storage. The output binding of Functions is no way into it: it sends an array one by one, after the
 * function has ended, and without an end to the messages' life.
 */
export function createFetchQueue({ storage, credential }: FetchQueueOptions): FetchQueue {
  const atOnce = pLimit(SENDS_AT_ONCE);
  let opened: QueueClient | undefined;

  function open(): QueueClient {
    opened ??=
      "connectionString" in storage
        ? new QueueClient(storage.connectionString, FETCHES_QUEUE, RETRIES)
        : new QueueClient(`${storage.queueServiceUri.replace(/\/$/, "")}/${FETCHES_QUEUE}`, credential, RETRIES);
    return opened;
  }

  async function sendOne(mailboxId: string, lifeSeconds: number): Promise<void> {
    const queue = open();
    const fetch: MailboxFetch = { mailboxId, traceparent: traceparent() };
    const message = JSON.stringify(fetch);
    const send = () => queue.sendMessage(message, { messageTimeToLive: lifeSeconds });
    try {
      await send();
    } catch (error) {
      if (!isNotFound(error)) throw error;
      await queue.createIfNotExists();
      await send();
    }
  }

  return {
    async send(mailboxIds, lifeSeconds) {
      const sent = await Promise.allSettled(mailboxIds.map((id) => atOnce(() => sendOne(id, lifeSeconds))));
      const failed = sent.find((result) => result.status === "rejected");
      if (failed === undefined) return { unsent: [] };
      const error = new AppError(
        "STORAGE_UNAVAILABLE",
        `The queue ${FETCHES_QUEUE} takes no messages: ${storageRemedy(failed.reason, "queue")}`,
        { cause: failed.reason },
      );
      return { unsent: mailboxIds.filter((_, index) => sent[index]?.status === "rejected"), error };
    },
  };
}
