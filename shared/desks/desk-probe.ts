const PROBE_TIMEOUT_MS = 10_000;

/** The HTTP status that a desk answers with, or what went wrong. */
export type DeskProbe = { readonly status: number } | { readonly fault: string };

/** Whether anything answers at a desk's address; nothing is handed over. */
export async function probeDesk(url: string): Promise<DeskProbe> {
  try {
    const signal = AbortSignal.timeout(PROBE_TIMEOUT_MS);
    const { status } = await fetch(url, { method: "HEAD", redirect: "manual", signal });
    return { status };
  } catch (error) {
    const { cause, name } = error as Error;
    const { code } = (cause ?? {}) as { code?: unknown };
    return { fault: typeof code === "string" ? code : name };
  }
}

/** Something answers, and says that there is nothing at this address: nobody knows whether the desk would take mail there. */
export function isNothingThere(probe: DeskProbe): boolean {
  return "status" in probe && (probe.status === 404 || probe.status === 410);
}

/** True where the desk itself answers, be it with a refusal: what asked was no mail. */
export function isAnswering(probe: DeskProbe): boolean {
  return "status" in probe && probe.status < 500;
}
