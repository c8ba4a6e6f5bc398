import { setTimeout } from "node:timers/promises";
import type { DequeuedMessageItem } from "@azure/storage-queue";
import type { Binding, TypedData } from "./functions-core.ts";
import type { Invoker } from "./host-invocations.ts";
import type { OpenQueue, Queues } from "./host-queues.ts";

/** A message that is being processed is invisible for ten minutes, renewed every five. */
const TAKEN_SECONDS = 600;
const RENEW_AFTER_MS = 300_000;
const POLL_MS = 200;

export interface QueueFunctions {
  add(functionName: string, trigger: Binding): void;
  /** Creates the queues that triggers listen to. */
  createQueues(): Promise<void>;
  /** Processes until no message is visible in any queue that has a trigger. */
  drain(): Promise<void>;
  /** Polls until the signal; resolves when what was taken is done. */
  follow(signal: AbortSignal): Promise<void>;
}

interface Listener {
  /** Takes as many messages as may run now; resolves with their number once they are taken, before they are done. */
  take(): Promise<number>;
  /** Resolves when one of the messages in work is done. */
  oneDone(): Promise<void>;
  readonly inWork: number;
  createQueue(): Promise<void>;
}

/** https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue-trigger */
export function createQueueFunctions(invoker: Invoker, queues: Queues): QueueFunctions {
  const listeners: Listener[] = [];

  return {
    add: (name, trigger) => {
      listeners.push(createListener(name, queues.open(trigger), invoker, queues));
    },
    createQueues: async () => {
      for (const listener of listeners) await listener.createQueue();
    },
    drain: async () => {
      let processed: number;
      do {
        processed = 0;
        // One function may fill the queue of another: only a whole round without a message is the end.
        for (const listener of listeners) processed += await drain(listener);
      } while (processed > 0);
    },
    follow: async (signal) => {
      await Promise.all(listeners.map((listener) => follow(listener, signal)));
    },
  };
}

async function drain(listener: Listener): Promise<number> {
  let processed = 0;
  for (;;) {
    const taken = await listener.take();
    processed += taken;
    if (taken > 0) continue;
    if (listener.inWork === 0) return processed;
    await listener.oneDone();
  }
}

async function follow(listener: Listener, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    // A storage that does not answer is asked again, as by the host.
    const taken = await listener.take().catch(() => 0);
    if (taken === 0) await setTimeout(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
  while (listener.inWork > 0) await listener.oneDone();
}

/** A message in work. Each renewal gives it another pop receipt, and only the newest one counts. */
interface Work {
  readonly message: DequeuedMessageItem;
  popReceipt: string;
  renewedAt: number;
  renewal: Promise<void>;
  done: Promise<void>;
}

function createListener(functionName: string, open: OpenQueue, invoker: Invoker, { options, codec }: Queues): Listener {
  const { name, queue, poisonQueue } = open;
  const inWork = new Set<Work>();

  async function remove({ message, popReceipt }: Work): Promise<void> {
    await queue.deleteMessage(message.messageId, popReceipt);
  }

  /** Copies first and deletes second: what fails in between is there twice, never lost. */
  async function moveToPoison(work: Work): Promise<void> {
    if (poisonQueue === undefined) return;
    await poisonQueue.createIfNotExists();
    await poisonQueue.sendMessage(work.message.messageText);
    await remove(work);
  }

  async function run(work: Work): Promise<void> {
    const { message } = work;
    const text = codec.decode(message.messageText);
    // A message that is not of the configured encoding never reaches the function.
    if (text === undefined) return moveToPoison(work);
    // A queue for poison has no other to give up to: its messages run as often as it takes (seen in the real listener).
    if (poisonQueue !== undefined && message.dequeueCount > options.maxDequeueCount) return moveToPoison(work);
    const succeeded = await invoker.invoke(functionName, triggerEvent(name, message, text)).then(
      () => true,
      () => false,
    );
    await work.renewal;
    if (succeeded) return remove(work);
    // Without a queue for poison, a failed message stays invisible until its ten minutes are over.
    if (poisonQueue === undefined) return;
    if (message.dequeueCount >= options.maxDequeueCount) return moveToPoison(work);
    await queue.updateMessage(message.messageId, work.popReceipt, undefined, options.visibilityTimeoutSeconds);
  }

  function start(message: DequeuedMessageItem): void {
    const { popReceipt } = message;
    const work: Work = {
      message,
      popReceipt,
      renewedAt: Date.now(),
      renewal: Promise.resolve(),
      done: Promise.resolve(),
    };
    inWork.add(work);
    // When storage fails here, the message comes back by itself after its ten minutes.
    work.done = run(work)
      .catch(() => undefined)
      .finally(() => inWork.delete(work));
  }

  /** The clock may jump between a renewal and the next question: then a message in work comes back, with a newer receipt. */
  function isInWork({ messageId, popReceipt }: DequeuedMessageItem): boolean {
    const work = [...inWork].find(({ message }) => message.messageId === messageId);
    if (work === undefined) return false;
    work.popReceipt = popReceipt;
    work.renewedAt = Date.now();
    return true;
  }

  /** Keeps messages in work out of sight, also when the simulated clock jumps over their ten minutes. */
  async function renewAll(): Promise<void> {
    const due = [...inWork].filter(({ renewedAt }) => Date.now() - renewedAt > RENEW_AFTER_MS);
    for (const work of due) {
      work.renewedAt = Date.now();
      work.renewal = queue
        .updateMessage(work.message.messageId, work.popReceipt, undefined, TAKEN_SECONDS)
        .then(({ popReceipt }) => {
          work.popReceipt = popReceipt ?? work.popReceipt;
        })
        .catch(() => undefined);
      await work.renewal;
    }
  }

  return {
    get inWork() {
      return inWork.size;
    },
    createQueue: async () => {
      await queue.createIfNotExists();
    },
    take: async () => {
      await renewAll();
      if (inWork.size > options.newBatchThreshold) return 0;
      const { receivedMessageItems } = await queue.receiveMessages({
        numberOfMessages: options.batchSize,
        visibilityTimeout: TAKEN_SECONDS,
      });
      const others = receivedMessageItems.filter((message) => !isInWork(message));
      others.forEach(start);
      return others.length;
    },
    oneDone: () => Promise.race([...inWork].map(({ done }) => done)),
  };
}

function triggerEvent(queueName: string, message: DequeuedMessageItem, text: string) {
  const { messageId, dequeueCount, insertedOn } = message;
  return {
    data: { string: text },
    triggerMetadata: triggerMetadata(message, text),
    reason: `New queue message detected on '${queueName}'.`,
    details: `MessageId: ${messageId}, DequeueCount: ${dequeueCount}, InsertedOn: ${insertedOn.toISOString()}`,
  };
}

function triggerMetadata(message: DequeuedMessageItem, text: string): Record<string, TypedData> {
  const values = {
    Id: message.messageId,
    PopReceipt: message.popReceipt,
    DequeueCount: String(message.dequeueCount),
    InsertionTime: message.insertedOn.toISOString(),
    ExpirationTime: message.expiresOn.toISOString(),
    NextVisibleTime: message.nextVisibleOn.toISOString(),
    QueueTrigger: text,
  };
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { string: value }]));
}
