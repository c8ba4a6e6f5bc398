import { readSchedule } from "../../shared/platform/schedule.ts";
import type { FunctionMetadata } from "../simulator/host/functions-core.ts";
import { readNcrontab } from "../simulator/host/ncrontab.ts";

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

/** Means what it says, and has a next time. https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer */
function runs(schedule: string): boolean {
  return "expression" in readSchedule(schedule) && readNcrontab(schedule)?.(new Date()) !== undefined;
}
