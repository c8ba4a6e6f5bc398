import { Cron } from "croner";

/**
 * True for an expression that the timer trigger takes: NCRONTAB, six fields, seconds first.
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions
 */
export function isSchedule(expression: string): boolean {
  // croner knows more than NCRONTAB: L, W, ?, # and +, nicknames, and 7 for Sunday.
  const symbols = expression.replace(/[A-Z]{3}/gi, "");
  const weekdays = expression.trim().split(/\s+/)[5] ?? "";
  if (/[^\d*,/\s-]/.test(symbols) || /7/.test(weekdays)) return false;
  try {
    new Cron(expression, { paused: true, mode: "6-part" }).stop();
    return true;
  } catch {
    // croner throws for everything that it cannot read, and has no other way to ask.
    return false;
  }
}
