import { createHmac } from "node:crypto";
import { chunkIsGarbage } from "../platform/collect-chunks.ts";
import type { Desk, DeskAnswer } from "./desk.ts";
import { deskUnavailable, isPage, postToDesk, shortened, type WatchPost } from "./post.ts";

export interface WebhookOptions {
  readonly url: string;
  readonly maxMessageBytes?: number | undefined;
  /** Gives the signing secret, `whsec_` and base64; asked before each delivery, so that a new one works at once. */
  readonly secret: () => Promise<string>;
  readonly now: () => Date;
  readonly watch?: WatchPost;
}

/** Messages that go out side by side: what Graph lets one mailbox read at once, less one. */
const CONCURRENCY = 3;

/**
 * Any HTTP endpoint. It gets the message as it is, as message/rfc822, with the headers of Standard Webhooks
 * (https://www.standardwebhooks.com): webhook-id is the idempotency key. 2xx without a page for people means taken, 422
 * means refused, 413 too large; anything else is tried again.
 */
export function createWebhook({ url, maxMessageBytes, secret, now, watch }: WebhookOptions): Desk {
  return {
    concurrency: CONCURRENCY,
    maxMessageBytes,
    async deliver({ mail, mailboxAddress, idempotencyKey, offerUntil, onProgress }) {
      const sentAt = now();
      const timestamp = String(Math.floor(sentAt.getTime() / 1_000));
      const response = await postToDesk({
        url,
        headers: {
          "content-type": "message/rfc822",
          "webhook-id": idempotencyKey,
          "webhook-timestamp": timestamp,
          "webhook-signature": await sign(await secret(), `${idempotencyKey}.${timestamp}.`, mail),
          "deskpost-mailbox": mailboxAddress,
        },
        body: mail,
        // The vault may have taken its time.
        now: now(),
        offerUntil,
        onProgress,
        watch,
      });
      return "kind" in response ? response : toAnswer(response.status, response.text, response.retryAfterMs);
    },
  };
}

function toAnswer(status: number, text: string, retryAfterMs: number | undefined): DeskAnswer {
  const words = shortened(`HTTP ${status} ${text}`);
  if (status >= 200 && status < 300) {
    // Law 3: a sign-in page, a parked domain; whoever answers with a page has stored nothing.
    return isPage(text)
      ? deskUnavailable(
          "NOT_THE_DESK",
          `HTTP ${status} with a page for people: does its URL lead to the receiver?`,
          undefined,
          true,
        )
      : { kind: "accepted", words, reference: undefined };
  }
  const code = `HTTP_${status}` as const;
  if (status === 422) return { kind: "refused", code, words };
  return { kind: "try-again", because: "message", code, words, retryAfterMs, uncertain: false };
}

/**
 * `whsec_` and the base64, with its padding, of 24 to 64 bytes. Of anything else Node decodes what it can, down to an empty
 * key with which anybody could sign.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#signature-scheme
 */
export function isSigningSecret(secret: string): boolean {
  const [, base64 = ""] = /^whsec_(.*)$/s.exec(secret) ?? [];
  const key = Buffer.from(base64, "base64");
  return key.length >= 24 && key.length <= 64 && key.toString("base64") === base64;
}

/** Over the raw bytes, read as a stream: a message may be large. */
async function sign(secret: string, prefix: string, mail: Blob): Promise<string> {
  const hmac = createHmac("sha256", Buffer.from(secret.replace(/^whsec_/, ""), "base64")).update(prefix);
  for await (const chunk of mail.stream()) {
    hmac.update(chunk);
    chunkIsGarbage(chunk);
  }
  return `v1,${hmac.digest("base64")}`;
}
