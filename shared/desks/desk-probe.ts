const PROBE_TIMEOUT_MS = 10_000;

/** Whether anything answers at a desk's address; nothing is handed over. Gives the HTTP status, or what went wrong. */
export async function probeDesk(url: string): Promise<{ readonly status: number } | { readonly fault: string }> {
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
