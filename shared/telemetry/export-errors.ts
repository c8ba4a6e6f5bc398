import { cutText } from "../platform/cut-text.ts";

/** The same trouble comes with every export; one line says it for this long. */
const TELL_EVERY_MS = 10 * 60_000;
/** Of a message, so much is kept. */
const MESSAGE_LIMIT = 300;

/** Different messages of which so many are kept between two times that they are told. */
const DIFFERENT_LIMIT = 10;

export interface ExportErrors {
  add(message: string, times?: number): void;
  /** What has gathered, each message once with how often it came, at most every ten minutes. */
  take(): readonly { readonly message: string; readonly times: number }[];
}

/** Gathers what keeps telemetry from being sent, until a log can take it. */
export function createExportErrors({ now }: { readonly now: () => Date }): ExportErrors {
  const gathered = new Map<string, number>();
  let toldAt = Number.NEGATIVE_INFINITY;

  return {
    add(message, times = 1) {
      const kept = cutText(message, MESSAGE_LIMIT);
      const name = gathered.has(kept) || gathered.size < DIFFERENT_LIMIT ? kept : "other faults";
      gathered.set(name, (gathered.get(name) ?? 0) + times);
    },
    take() {
      if (gathered.size === 0 || now().getTime() - toldAt < TELL_EVERY_MS) return [];
      const told = [...gathered].map(([message, times]) => ({ message, times }));
      toldAt = now().getTime();
      gathered.clear();
      return told;
    },
  };
}
