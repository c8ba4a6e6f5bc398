import { cutText } from "../platform/cut-text.ts";
import { messageOf } from "../platform/errors.ts";
import { retryAfterMs } from "../platform/retry-after.ts";
import { redact } from "../telemetry/redact.ts";
import type { DeskAnswer, DeskCode } from "./desk.ts";
import { type BlobAnswer, type SendBlobOptions, sendBlob } from "./send-blob.ts";

/**
 * From the beginning of each piece of a message a desk has this long for the next one; from that of the last piece, to
 * answer: some run their rules and send mail before they do. A large message on a slow line may take longer as a whole.
 */
export const DESK_TIMEOUT_MS = 120_000;
/** Of what a timer can wait for. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Of an answer, this much is read. */
const ANSWER_LIMIT_BYTES = 64 * 1024;
/** Of a desk's words, this much is kept. */
const WORDS_LIMIT = 300;

export interface DeskResponse {
  readonly status: number;
  readonly isHtml: boolean;
  readonly text: string;
  readonly retryAfterMs: number | undefined;
}

export interface PostOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Blob;
  readonly now: Date;
  /** After this moment no message is begun any more; DESK_TIMEOUT_MS later, none goes on. */
  readonly offerUntil: Date;
  readonly onProgress?: (() => Promise<void>) | undefined;
  readonly watch?: WatchPost | undefined;
}

/** Makes the call to the desk, and watches it; `request` says what the call is. */
export type WatchPost = (post: () => Promise<BlobAnswer>, request: SendBlobOptions) => Promise<BlobAnswer>;

/**
 * Posts to a desk. What comes back is its response, or already the answer where the desk as a whole fails: not
 * reachable, overloaded, redirecting, or asking for a sign-in.
 */
export async function postToDesk(options: PostOptions): Promise<DeskResponse | DeskAnswer> {
  const { url, headers, body, now, offerUntil, onProgress, watch = (post) => post() } = options;
  if (now >= offerUntil)
    return deskUnavailable("BUSY", "It took too long until the desk was free; the next run goes on", undefined, false);
  let response: BlobAnswer;
  let text: string;
  const limits = new AbortController();
  const stop = (words: string) => () => limits.abort(new Error(words));
  const stallFromNow = () => setTimeout(stop(`nothing went on for ${DESK_TIMEOUT_MS / 1_000} s`), DESK_TIMEOUT_MS);
  // Law 10: the desk may take so long, and no longer.
  let stall = stallFromNow();
  let isOver = false;
  const wholeMs = Math.min(offerUntil.getTime() - now.getTime() + DESK_TIMEOUT_MS, LONGEST_TIMER_MS);
  const whole = setTimeout(stop("it took longer than a message may"), wholeMs);
  try {
    // An answer that a proxy compressed could not be read.
    const plain = { ...headers, "accept-encoding": "identity" };
    const goOn = async () => {
      await onProgress?.();
      // A piece may still be on its way when the desk has answered, or the wait is over.
      if (isOver) return;
      clearTimeout(stall);
      stall = stallFromNow();
    };
    const request = { url, headers: plain, body, signal: limits.signal, onProgress: goOn };
    response = await watch(() => sendBlob(request), request);
    text = await readText(response.body);
  } catch (error) {
    // A request that was given up says no more than that.
    const cause = limits.signal.aborted ? limits.signal.reason : error;
    return deskUnavailable("NO_ANSWER", `no answer: ${redact(messageOf(cause))}`, undefined, !neverArrived(error));
  } finally {
    isOver = true;
    clearTimeout(stall);
    clearTimeout(whole);
  }
  const { status } = response;
  const retryAfter = retryAfterMs(response.headers.get("retry-after"), now);
  // A redirected POST would arrive as a GET without its body.
  if (status >= 300 && status < 400) {
    return deskUnavailable(
      "REDIRECT",
      `it redirects to ${response.headers.get("location")}: put that address into DESKS`,
      retryAfter,
      false,
    );
  }
  // 410 closes the whole endpoint: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
  if ([401, 403, 404, 408, 410, 429, 502, 503, 504].includes(status)) {
    return deskUnavailable(`HTTP_${status}`, `HTTP ${status}`, retryAfter, status === 502 || status === 504);
  }
  // Its own limit, or that of a proxy, as nginx has one: https://nginx.org/en/docs/http/ngx_http_core_module.html#client_max_body_size
  if (status === 413) {
    const words = `HTTP 413: it, or a proxy in front of it, takes no request of ${body.size} bytes: raise the limit there, then replay the message`;
    return { kind: "impossible", code: "TOO_LARGE", words };
  }
  const type = response.headers.get("content-type") ?? "";
  return {
    status,
    isHtml: /\bhtml\b/i.test(type) || isPage(text),
    text,
    retryAfterMs: retryAfter,
  };
}

/** True for a page for people: a sign-in, a maintenance notice, a parked domain. */
export function isPage(text: string): boolean {
  return /^\s*<(?:!doctype|html)/i.test(text);
}

/** The desk as a whole fails: the message waits, and it does not count against the message. */
export function deskUnavailable(
  code: DeskCode,
  words: string,
  retryAfter: number | undefined,
  uncertain: boolean,
): DeskAnswer {
  return { kind: "try-again", because: "desk", code, words: shortened(words), retryAfterMs: retryAfter, uncertain };
}

/** A desk's words, short enough for a row and a page. */
export function shortened(words: string): string {
  return cutText(words.replace(/\s+/g, " ").trim(), WORDS_LIMIT);
}

async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    text += decoder.decode(chunk, { stream: true });
    if (bytes > ANSWER_LIMIT_BYTES) break;
  }
  return text;
}

/** Errors before the connection stood: the desk cannot have the message. Everything else is uncertain. */
function neverArrived(error: unknown): boolean {
  for (
    let cause = error as { code?: unknown; cause?: unknown; errors?: unknown[] } | undefined;
    cause;
    cause = cause.cause as typeof cause
  ) {
    if (
      typeof cause.code === "string" &&
      /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|CONNECT_TIMEOUT|ERR_TLS.*|CERT.*|.*CERT.*)$/.test(
        cause.code,
      )
    ) {
      return true;
    }
  }
  return false;
}
