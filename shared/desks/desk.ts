/** One attempt to hand a message to a desk. */
export interface Delivery {
  /** Address of the mailbox that received the message. */
  readonly mailboxAddress: string;
  /** The same for every attempt at this message. */
  readonly idempotencyKey: string;
  /** The message's MIME, complete. */
  readonly mail: Blob;
  /** After this moment the message must not be offered any more, and DESK_TIMEOUT_MS later it must be over: another run may do it. */
  readonly offerUntil: Date;
  /** Called before each piece of the message goes out; the piece waits for it. A throw ends the attempt. */
  readonly onProgress?: (() => Promise<void>) | undefined;
}

/**
 * Why a desk did not take a message. Logs and alerts carry these and never the desk's words, which may quote the mail.
 * HTTP_503 and the like name a status.
 */
export type DeskCode =
  | "LOOP_RISK"
  | "OWN_ADDRESS"
  | "SENDER_BLOCKED"
  | "NO_SENDER"
  | "NO_RECIPIENT"
  | "TICKET_IN_TRASH"
  | "TOO_LARGE"
  | "NO_ANSWER"
  | "BUSY"
  | "REDIRECT"
  | "NOT_THE_DESK"
  | "DESK_ERROR"
  | "DATABASE_DOWN"
  | "DATABASE_REFUSES"
  | "HALF_TICKET"
  | "UNKNOWN_ANSWER"
  | `HTTP_${number}`;

interface Taken {
  readonly words: string;
  /** Names the ticket where the desk tells. */
  readonly reference: string | undefined;
  /** What the desk may lack all the same, for people. */
  readonly doubt?: string | undefined;
}

/** What a desk made of a message, read from its own words. */
export type DeskAnswer =
  /** It has it now. */
  | ({ readonly kind: "accepted" } & Taken)
  /** It had it already, and whole. */
  | ({ readonly kind: "duplicate" } & Taken)
  /** It will not have it, and says why. */
  | { readonly kind: "refused"; readonly code: DeskCode; readonly words: string }
  /** It can never take it as it is; a person must look. */
  | { readonly kind: "impossible"; readonly code: DeskCode; readonly words: string }
  /** Not now: because of this message (`message`) or because the desk itself fails (`desk`). */
  | {
      readonly kind: "try-again";
      readonly because: "message" | "desk";
      readonly code: DeskCode;
      readonly words: string;
      readonly retryAfterMs: number | undefined;
      /** True where the desk may have taken it: the connection was lost after the message was sent. */
      readonly uncertain: boolean;
    };

/** A help desk that takes mail. It answers every fault as a value; a throw is a fault of ours. */
export interface Desk {
  /** Messages that it takes side by side. */
  readonly concurrency: number;
  /** The largest message that it takes, where the configuration says so. */
  readonly maxMessageBytes?: number | undefined;
  deliver(delivery: Delivery): Promise<DeskAnswer>;
}
