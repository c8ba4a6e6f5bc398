/** Waits below this are no retries, but part of how programs work. */
const SHORTEST_MS = 250;
/** Clients wait up to 8 seconds before their last attempt; what is longer is a time limit, and stays as it is. */
const LONGEST_MS = 9_000;
const TIMES_FASTER = 100;

/**
 * Shortens the waits of a process: the Azure SDKs wait for seconds between their attempts at a service that is down.
 * Replaces the global `setTimeout`; while waits are to be short, they take a hundredth of their time.
 * @returns gives the real `setTimeout` back
 */
export function shortenWaits(areToBeShort: () => boolean): () => void {
  const realSetTimeout = globalThis.setTimeout;
  const isWait = (ms: number) => ms >= SHORTEST_MS && ms <= LONGEST_MS;
  const shortened = (ms: number) => (isWait(ms) && areToBeShort() ? ms / TIMES_FASTER : ms);
  globalThis.setTimeout = new Proxy(realSetTimeout, {
    apply: (target, self, [callback, ms = 0, ...rest]: Parameters<typeof setTimeout>) =>
      Reflect.apply(target, self, [callback, shortened(ms), ...rest]),
  });
  return () => {
    globalThis.setTimeout = realSetTimeout;
  };
}
