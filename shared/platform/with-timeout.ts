/** What was waited for took longer than it may. It may still end some time; nobody looks at it any more. */
export class TimeLimitError extends Error {
  override readonly name = "TimeLimitError";
  readonly code = "TIME_LIMIT";
  constructor(limitMs: number) {
    super(`no answer within ${limitMs / 1_000} s`);
  }
}

/**
 * Law 10: waits for something, but no longer than this.
 * @throws {TimeLimitError}
 */
export async function withTimeout<T>(limitMs: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimeLimitError(limitMs)), limitMs);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}
