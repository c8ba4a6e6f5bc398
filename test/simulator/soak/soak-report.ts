import type { SimulatedDesk } from "../desks/simulated-desk.ts";
import { messageIdOf } from "./soak-mails.ts";

export interface MailComparison {
  readonly arrived: number;
  /** Mails that the desk has at least once. */
  readonly delivered: number;
  /** Mails that the desk was given again after it took them, even where it saw that and ignored it. */
  readonly doubled: number;
  /** Mails that are not at the desk. */
  readonly lost: number;
  /** Simulated time from arrival to delivery. */
  readonly longestGapMs: number;
}

export interface SoakReport extends MailComparison {
  readonly simulatedHours: number;
  readonly mailboxes: number;
  readonly outages: number;
  readonly refreshes: number;
  readonly refreshTokensSaved: number;
  /** Of one secret in Key Vault. */
  readonly mostVersions: number;
  /** Mailboxes, by id, each time that one turned to needs-owner. */
  readonly ownersAsked: readonly string[];
  /** The same, as Microsoft demanded it. */
  readonly ownersDemanded: readonly string[];
  /** Times that a mailbox turned to needs-admin. */
  readonly needsAdmin: number;
  readonly alarmsRaised: number;
  readonly alarmsCleared: number;
  /** Runs of functions that failed though storage was well. */
  readonly errors: number;
  /** Runs that failed while storage was down, as they should. */
  readonly expectedErrors: number;
  readonly graphRequests: number;
  readonly storageRequests: number;
  readonly realSeconds: number;
  readonly processorSeconds: number;
  /** Real time by what it went into. */
  readonly fetchSeconds: number;
  readonly keepSeconds: number;
  /** Of that, in runs while Key Vault or storage failed. */
  readonly slowSeconds: number;
  readonly slowSteps: number;
}

/** Compares the mails that arrived, by Message-ID, with what the desk was given. */
export function compareMails(desk: SimulatedDesk, arrivals: ReadonlyMap<string, number>): MailComparison {
  const takenAt = new Map<string, number>();
  const doubled = new Set<string>();
  for (const { bytes, at, taken } of desk.mails) {
    const messageId = messageIdOf(bytes) ?? "";
    if (takenAt.has(messageId)) doubled.add(messageId);
    else if (taken) takenAt.set(messageId, at);
  }
  const gaps = [...arrivals].flatMap(([messageId, arrivedAt]) => {
    const at = takenAt.get(messageId);
    return at === undefined ? [] : [at - arrivedAt];
  });
  return {
    arrived: arrivals.size,
    delivered: gaps.length,
    doubled: doubled.size,
    lost: arrivals.size - gaps.length,
    longestGapMs: gaps.reduce((longest, gap) => Math.max(longest, gap), 0),
  };
}

/** Nothing lost, nothing doubled, nothing failed, and people asked only where Microsoft demanded it. */
export function isGood({ lost, doubled, errors, ownersAsked, ownersDemanded }: SoakReport): boolean {
  return lost === 0 && doubled === 0 && errors === 0 && isSameList(ownersAsked, ownersDemanded);
}

function isSameList(left: readonly string[], right: readonly string[]): boolean {
  return left.toSorted().join() === right.toSorted().join();
}

/** The report as lines of two columns. */
export function reportTable(report: SoakReport): string {
  const rows: [string, string | number][] = [
    ["simulated hours", report.simulatedHours],
    ["mailboxes", report.mailboxes],
    ["mails arrived", report.arrived],
    ["delivered", report.delivered],
    ["doubled", report.doubled],
    ["lost", report.lost],
    ["outages played", report.outages],
    ["access tokens refreshed", report.refreshes],
    ["refresh tokens saved", report.refreshTokensSaved],
    ["most Key Vault versions of one secret", report.mostVersions],
    ["requests to a person", report.ownersAsked.length],
    ["  that Microsoft demanded", report.ownersDemanded.length],
    ["times that an administrator was needed", report.needsAdmin],
    ["alarms raised, cleared", `${report.alarmsRaised}, ${report.alarmsCleared}`],
    ["longest gap, arrival to delivery", duration(report.longestGapMs)],
    ["errors (failed invocations)", report.errors],
    ["failed while storage was down, as expected", report.expectedErrors],
    ["Graph requests", report.graphRequests],
    ["table and queue requests", report.storageRequests],
    ["real seconds", report.realSeconds.toFixed(1)],
    ["  in fetch-mail", report.fetchSeconds.toFixed(1)],
    ["  in keep-tokens", report.keepSeconds.toFixed(1)],
    [`  in ${report.slowSteps} runs with a slow fault`, report.slowSeconds.toFixed(1)],
    ["processor seconds", report.processorSeconds.toFixed(1)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join("");
}

function duration(ms: number): string {
  const hours = ms / 3_600_000;
  return hours < 1 ? `${(ms / 1_000).toFixed(1)} s (simulated)` : `${hours.toFixed(1)} h (simulated)`;
}
