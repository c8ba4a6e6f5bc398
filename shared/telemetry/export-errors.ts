import { cutText } from "../platform/cut-text.ts";

/** The same trouble comes with every export; one line says it for this long. */
const TELL_EVERY_MS = 10 * 60_000;
/** Of a message, so much is kept. */
const MESSAGE_LIMIT = 300;

export interface ExportErrors {
  add(message: string): void;
  /** What has gathered, at most every ten minutes; `undefined` where there is nothing to tell. */
  take(): { readonly message: string; readonly times: number } | undefined;
}

/** Gathers what keeps telemetry from being sent, until a log can take it. */
export function createExportErrors({ now }: { readonly now: () => Date }): ExportErrors {
  let last = "";
  let times = 0;
  let toldAt = Number.NEGATIVE_INFINITY;

  return {
    add(message) {
      last = cutText(message, MESSAGE_LIMIT);
      times += 1;
    },
    take() {
      if (times === 0 || now().getTime() - toldAt < TELL_EVERY_MS) return undefined;
      const told = { message: last, times };
      toldAt = now().getTime();
      times = 0;
      return told;
    },
  };
}
