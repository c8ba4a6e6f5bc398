import { type QueueClient, QueueServiceClient } from "@azure/storage-queue";
import type { Binding, InvocationResponse, RegisteredFunction, TypedData } from "./functions-core.ts";
import type { QueueOptions, Settings } from "./host-config.ts";

const POISON_SUFFIX = "-poison";

/** Loopback storage either answers or is gone: waiting long for it would only hold up the stop of the host. */
const FEW_RETRIES = { maxTries: 3, retryDelayInMs: 50, maxRetryDelayInMs: 200 };

export interface OpenQueue {
  readonly name: string;
  readonly queue: QueueClient;
  /** Undefined for a queue of poison messages: it has none of its own. */
  readonly poisonQueue: QueueClient | undefined;
}

/** The queues of the storage account, for triggers and outputs. */
export interface Queues {
  readonly options: QueueOptions;
  readonly codec: MessageCodec;
  open(binding: Binding): OpenQueue;
  /** What a function returned or set for its queue outputs becomes messages: one, or one for each entry of an array. */
  writeOutputs(registered: RegisteredFunction, response: InvocationResponse): Promise<void>;
}

export function createQueues(options: QueueOptions, settings: Settings): Queues {
  const codec = createCodec(options.messageEncoding);

  function open(binding: Binding): OpenQueue {
    const name = settings.resolve(String(binding.queueName ?? ""));
    const connection = settings.storageConnection(binding.connection as string | undefined);
    const service = QueueServiceClient.fromConnectionString(connection, { retryOptions: FEW_RETRIES });
    const poisonName = `${name}${POISON_SUFFIX}`;
    return {
      name,
      queue: service.getQueueClient(name),
      poisonQueue: name.endsWith(POISON_SUFFIX) ? undefined : service.getQueueClient(poisonName),
    };
  }

  async function write(binding: Binding, data: TypedData): Promise<void> {
    const texts = messageTexts(data);
    if (texts.length === 0) return;
    const { queue } = open(binding);
    await queue.createIfNotExists();
    for (const text of texts) await queue.sendMessage(codec.encode(text));
  }

  return {
    options,
    codec,
    open,
    writeOutputs: async ({ metadata: { bindings } }, { outputData = [], returnValue }) => {
      const outputs = [...outputData, ...(returnValue ? [{ name: "$return", data: returnValue }] : [])];
      for (const { name, data } of outputs) {
        const binding = bindings[name];
        if (binding?.type.toLowerCase() === "queue") await write(binding, data);
      }
    },
  };
}

function messageTexts(data: TypedData): string[] {
  if (data.json !== undefined) {
    const value: unknown = JSON.parse(data.json);
    const values = Array.isArray(value) ? value : [value];
    return values.map((entry: unknown) => (typeof entry === "string" ? entry : JSON.stringify(entry)));
  }
  if (data.bytes !== undefined) return [Buffer.from(data.bytes).toString()];
  return [data.string ?? String(data.int ?? data.double)];
}

interface MessageCodec {
  encode(text: string): string;
  /** Undefined when the message is not of this encoding. */
  decode(message: string): string | undefined;
}

function createCodec(encoding: QueueOptions["messageEncoding"]): MessageCodec {
  if (encoding === "none") return { encode: (text) => text, decode: (message) => message };
  return {
    encode: (text) => Buffer.from(text).toString("base64"),
    decode: (message) =>
      /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(message)
        ? Buffer.from(message, "base64").toString()
        : undefined,
  };
}
