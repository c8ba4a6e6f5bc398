import type { Acknowledge } from "../../shared/mailboxes/mailbox.ts";
import type { UvdeskMode } from "../simulator/desks/uvdesk.ts";
import type { Draws } from "./draws.ts";

export interface PlannedMailbox {
  readonly address: string;
  readonly desk: "uvdesk" | "webhook";
  readonly acknowledge: Acknowledge;
  /** Mails that wait when everything begins. */
  readonly backlog: number;
}

/** How likely each trouble is, each time that it can happen. */
interface Rates {
  readonly storageRefused: number;
  readonly storageAnswerLost: number;
  readonly graph: number;
  readonly desk: number;
  /** After each step of the scheduler. */
  readonly world: number;
  readonly crash: number;
  readonly stall: number;
  readonly strayRun: number;
}

/** What one seed has in store: each has some kinds of trouble and lacks others, so that none hides behind another. */
export interface Plan {
  readonly instances: number;
  readonly mailboxes: readonly PlannedMailbox[];
  readonly rates: Rates;
  readonly ticks: number;
  readonly budgetMs: number;
  readonly largestPage: number | undefined;
  /** Mail of more bytes goes through a temporary file. */
  readonly heldInMemoryBytes: number;
  /** In the end the desks are out of order for hours, in this way. */
  readonly outage: UvdeskMode | undefined;
  /** Everything comes to rest, months go by, the ledger is purged, and it all begins again. */
  readonly monthsPass: boolean;
  /** Of the disk that temporary files lie on, like the rates. */
  readonly diskFaults: number;
  /** After each step of the scheduler, a person does something. */
  readonly people: number;
  /** Older mail is imported, at some moment or more than one. */
  readonly imports: boolean;
  /** When everything has come to rest, some mail that could not be delivered can be, and a person decides about each. */
  readonly repairs: boolean;
  /** Everything comes to rest, all messages get other ids, and it all begins again. */
  readonly migrates: boolean;
  /** Each mailbox has mail of a sender whose clock is ahead, by hours or by months. */
  readonly datesOfTheFuture: boolean;
}

const MAX_MAILBOXES = 3;
const MINUTE_MS = 60_000;
const NO_FILES = 1_048_576;
// A 500 looks most like a fault of the message: it comes more often.
const OUTAGES = ["unreachable", "html-500", "503", "html-500", "maintenance-html", "html-500"] as const;

export function drawPlan(draws: Draws): Plan {
  const { between, chance, pick } = draws;
  const rate = (most: number) => (chance(0.45) ? 0 : most * draws.number());
  const acknowledges: readonly [Acknowledge, ...Acknowledge[]] = [
    { kind: "nothing" },
    { kind: "mark-read" },
    { kind: "move", folder: "archive" },
  ];
  const isLarge = chance(0.06);
  const mailboxes = Array.from({ length: isLarge ? 1 : between(1, MAX_MAILBOXES) }, (_, index) => ({
    address: `help-${index + 1}@example.com`,
    desk: pick<PlannedMailbox["desk"]>(["uvdesk", "webhook"]),
    acknowledge: pick(acknowledges),
    backlog: isLarge ? between(50, 110) : between(0, 5),
  }));
  const plan = {
    instances: between(1, 3),
    mailboxes,
    rates: {
      storageRefused: rate(0.04),
      storageAnswerLost: rate(0.03),
      graph: rate(0.2),
      desk: rate(0.3),
      world: rate(0.04),
      crash: rate(0.02),
      stall: rate(0.02),
      strayRun: rate(0.01),
    },
    ticks: between(3, 12),
    budgetMs: pick([20_000, MINUTE_MS, 4 * MINUTE_MS]),
    largestPage: isLarge ? undefined : pick([undefined, undefined, 1, 3]),
    outage: chance(0.15) ? pick(OUTAGES) : undefined,
    monthsPass: chance(0.1),
    // Drawn last, so that the plans of old stay what they were.
    heldInMemoryBytes: pick([NO_FILES, NO_FILES, NO_FILES, 0, 160]),
    diskFaults: rate(0.05),
    people: rate(0.01),
    imports: chance(0.25),
    repairs: chance(0.12),
  };
  // A date of the future is purged, if ever, after months.
  return { ...plan, migrates: chance(0.15), datesOfTheFuture: chance(plan.monthsPass ? 0.7 : 0.1) };
}
