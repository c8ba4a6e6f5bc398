import { cutText } from "../platform/cut-text.ts";
import { retryAfterMs } from "../platform/retry-after.ts";
import type { Log } from "./log.ts";
import { inSpan } from "./spans.ts";

/** The same announcement is logged once in so much time: it comes with every answer. */
const ANNOUNCE_EVERY_MS = 24 * 3_600_000;
/** Of an announcement, so much is logged. */
const ANNOUNCEMENT_LIMIT = 300;
/** By these Microsoft says that something will end. https://www.rfc-editor.org/rfc/rfc9745, https://www.rfc-editor.org/rfc/rfc8594 */
const ANNOUNCING_HEADERS = ["deprecation", "sunset", "warning"] as const;

interface OutgoingCall {
  readonly service: "graph" | "entra" | "desk";
  readonly method: string;
  /** A template of the address, without ids and query; see routes.ts. */
  readonly route: string;
  readonly mailboxId?: string;
  readonly desk?: string;
}

/** What is looked at of an answer. */
type Answered = Pick<Response, "status" | "headers">;

/** Makes a call to another service: `ask` does it, this watches. */
export type Outgoing = <Answer extends Answered>(call: OutgoingCall, ask: () => Promise<Answer>) => Promise<Answer>;

/** For tests of a part alone. */
export const unwatched: Outgoing = (_, ask) => ask();

/**
 * Watches the calls to other services: a span for each, and an event where an answer asks to be left alone, says that a
 * budget is nearly used, or announces the end of something.
 */
export function createOutgoing({ log, now }: { readonly log: Log; readonly now: () => Date }): Outgoing {
  const announcedAt = new Map<string, number>();

  function readAnnouncements({ service, route }: OutgoingCall, headers: Headers): void {
    // Graph's mail answers and desks write other things into Warning; those two alone promise to announce.
    if (service === "desk") return;
    for (const header of ANNOUNCING_HEADERS) {
      const announcement = headers.get(header);
      if (announcement === null) continue;
      const text = cutText(announcement, ANNOUNCEMENT_LIMIT);
      const key = `${service} ${header} ${route} ${text}`;
      if (now().getTime() - (announcedAt.get(key) ?? Number.NEGATIVE_INFINITY) < ANNOUNCE_EVERY_MS) continue;
      announcedAt.set(key, now().getTime());
      log.warn("change announced", { service, header, route, text });
    }
  }

  function readLimits({ service, mailboxId, desk }: OutgoingCall, { status, headers }: Answered): void {
    const waitMs = retryAfterMs(headers.get("retry-after"), now());
    if (status === 429 || (status === 503 && waitMs !== undefined)) {
      log.warn("call throttled", {
        service,
        mailboxId,
        desk,
        status,
        waitMs,
        scope: headers.get("x-ms-throttle-scope") ?? undefined,
      });
    }
    // Sent from 0.8 of the limit on. https://learn.microsoft.com/graph/throttling
    const share = Number(headers.get("x-ms-throttle-limit-percentage") ?? Number.NaN);
    if (Number.isFinite(share)) log.warn("budget nearly used", { service, mailboxId, share });
  }

  return (call, ask) => {
    const { service, method, route, mailboxId, desk } = call;
    const attributes = {
      "deskpost.service": service,
      "http.request.method": method,
      "server.address": service,
      ...(mailboxId === undefined ? {} : { "deskpost.mailbox": mailboxId }),
      ...(desk === undefined ? {} : { "deskpost.desk": desk }),
    };
    return inSpan(`${method} ${service} ${route}`, { kind: "client", attributes }, async (span) => {
      const response = await ask();
      span.set({ "http.response.status_code": response.status });
      if (response.status >= 400) span.fail(`HTTP_${response.status}`);
      readLimits(call, response);
      readAnnouncements(call, response.headers);
      return response;
    });
  };
}
