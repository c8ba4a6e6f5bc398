import { type ActivityEvent, ticketRanges } from "../../activity/activity.ts";
import type { DeliveryReport } from "../delivery/deliver.ts";

/** Codes of the trouble that the mailbox had, and has after the run. */
export interface TroubleChange {
  readonly before: string | undefined;
  readonly after: string | undefined;
}

/** These change the mailbox's status, and that is told. */
const TOLD_ELSEWHERE = new Set(["CONSENT_REQUIRED", "ADMIN_REQUIRED"]);

/** What is worth telling about a run: what became of mail, and faults that begin or end, but not each minute of one. */
export function activityOfRun(
  { reasons, tickets, ...report }: DeliveryReport,
  { before, after }: TroubleChange,
): ActivityEvent[] {
  const told: ActivityEvent[] = [
    { kind: "delivered", count: report.delivered, tickets: ticketRanges(tickets), named: tickets.length },
    { kind: "refused", count: report.refused, codes: distinct(reasons.refused) },
    { kind: "quarantined", count: report.quarantined, codes: distinct(reasons.quarantined) },
    { kind: "gone", count: report.gone },
  ].filter(({ count }) => count > 0) as ActivityEvent[];
  if (after !== undefined && after !== before && !TOLD_ELSEWHERE.has(after))
    told.push({ kind: "trouble", code: after });
  if (after === undefined && before !== undefined) told.push({ kind: "well", code: before });
  return told;
}

function distinct(codes: readonly string[]): string {
  return [...new Set(codes)].join(", ");
}
