import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ClientRequest } from "node:http";

/** A message whose function fails comes back a few times. */
const DRAINS_AFTER_A_MESSAGE = 10;
/** https://nodejs.org/api/diagnostics_channel.html#http */
const REQUEST_STARTS = "http.client.request.start";

/**
 * Drains the queues only where a message may be there: asking for none, tick after tick, would take a tenth of a long run.
 * Every message of the soak is sent from this process.
 */
export function watchQueues(drain: () => Promise<void>): { drainQueues: () => Promise<void>; stop: () => void } {
  let drainsLeft = DRAINS_AFTER_A_MESSAGE;
  const look = (event: unknown) => {
    const { request } = event as { request: ClientRequest };
    if (request.method === "POST" && /\/messages(?:\?|$)/.test(request.path)) drainsLeft = DRAINS_AFTER_A_MESSAGE;
  };
  subscribe(REQUEST_STARTS, look);
  return {
    async drainQueues() {
      if (drainsLeft === 0) return;
      drainsLeft -= 1;
      await drain();
    },
    stop: () => unsubscribe(REQUEST_STARTS, look),
  };
}
