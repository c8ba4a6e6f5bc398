import { Cron } from "croner";
import { isSchedule } from "../../shared/platform/schedule.ts";
import type { FunctionMetadata } from "../simulator/host/functions-core.ts";

/** What is wrong with the functions that an app has registered; empty where nothing is. */
export function functionFaults(functions: readonly FunctionMetadata[]): string[] {
  if (functions.length === 0) return ["The app registered no function: the host would start, and do nothing"];
  return functions.flatMap(({ name, bindings }) => {
    const triggers = Object.values(bindings).filter(({ type }) => /trigger$/i.test(type));
    if (triggers.length !== 1) return [`${name} has ${triggers.length} triggers; it needs one`];
    const schedules = triggers.filter(({ type }) => type === "timerTrigger").map(({ schedule }) => String(schedule));
    return schedules.filter((schedule) => !runs(schedule)).map((schedule) => `${name}: "${schedule}" never runs`);
  });
}

/** Six fields in NCRONTAB's words, and a next time. https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer */
function runs(schedule: string): boolean {
  if (!isSchedule(schedule)) return false;
  return new Cron(schedule, { paused: true, mode: "6-part", domAndDow: true, timezone: "UTC" }).nextRun() !== null;
}
