import type { AppAlarm } from "../mailboxes/mailbox.ts";
import { TICK_OVERDUE_MS } from "./thresholds.ts";

/** What a probe from outside is told. It names no mailbox, no address and no value of a setting. */
export interface Health {
  readonly isWell: boolean;
  readonly status: "ok" | "no recent tick" | "Entra refuses the application";
  readonly lastTick: Date | undefined;
  /** Since when Entra refuses the application; the page of the mailboxes says why. */
  readonly refusedSince: Date | undefined;
}

interface Observed {
  readonly lastTick: Date | undefined;
  readonly alarm: AppAlarm | undefined;
  readonly now: Date;
}

/** Judges the app by its timer, which may die while HTTP works, and by Entra's word about it. https://github.com/Azure/azure-functions-host/issues/11828 */
export function healthOf({ lastTick, alarm, now }: Observed): Health {
  const isLate = lastTick === undefined || now.getTime() - lastTick.getTime() > TICK_OVERDUE_MS;
  const known = { lastTick, refusedSince: alarm?.since };
  if (isLate) return { isWell: false, status: "no recent tick", ...known };
  if (alarm !== undefined) return { isWell: false, status: "Entra refuses the application", ...known };
  return { isWell: true, status: "ok", ...known };
}
