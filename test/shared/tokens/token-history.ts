import fc from "fast-check";

/** An answer of Entra to a refresh, or the lack of one. */
export type EntraFault =
  | 50173
  | 70000
  | 53003
  | 7000222
  | 700016
  | 9002313
  | 90033
  | 50196
  | "throttled"
  | "cut-before"
  | "cut-after";

/** One thing that happens. Numbers choose among what there is at that moment. */
export type HistoryEvent =
  /** A run asks for a token; where `rejected`, Graph refuses the one that it got, and it asks once more. */
  | { readonly kind: "fetch"; readonly process: number; readonly mailbox: number; readonly rejected: boolean }
  /** The access token is to be renewed, or has ended, and all processes ask for one at once. */
  | { readonly kind: "rush"; readonly mailbox: number; readonly at: "renewal" | "end" }
  | { readonly kind: "keep" | "die"; readonly process: number }
  /** So many steps of those that are under way, one after another, each chosen by the number. */
  | { readonly kind: "go on"; readonly choices: readonly number[] }
  | { readonly kind: "come to an end" | "rotation" }
  | { readonly kind: "entra fails"; readonly fault: EntraFault; readonly times: number }
  | { readonly kind: "revoke" | "reconnect"; readonly mailbox: number }
  | { readonly kind: "time passes"; readonly minutes: number };

export interface TokenHistory {
  readonly processes: number;
  readonly mailboxes: number;
  readonly events: readonly HistoryEvent[];
}

const process = fc.nat(3);
const mailbox = fc.nat(1);
const DAY_MINUTES = 24 * 60;

const event: fc.Arbitrary<HistoryEvent> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("fetch"),
      process,
      mailbox,
      rejected: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant("rush"), mailbox, at: fc.constantFrom("renewal", "end") }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant("go on"),
      choices: fc.array(fc.nat(7), { minLength: 4, maxLength: 16 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("come to an end") }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("time passes"),
      minutes: fc.oneof(
        fc.constantFrom(1, 2, 5, 20, 50, 100),
        fc.integer({ min: 1, max: 80 }).map((days) => days * DAY_MINUTES),
      ),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("entra fails"),
      fault: fc.constantFrom<EntraFault>(
        50173,
        70000,
        53003,
        7000222,
        700016,
        9002313,
        90033,
        50196,
        "throttled",
        "cut-before",
        "cut-after",
      ),
      times: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("keep", "die"), process }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("rotation") }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("revoke", "reconnect"), mailbox }) },
);

/** A few processes and mailboxes, and what happens to them. */
export const tokenHistory: fc.Arbitrary<TokenHistory> = fc.record({
  processes: fc.integer({ min: 2, max: 4 }),
  mailboxes: fc.constantFrom(1, 1, 2),
  events: fc.array(event, { minLength: 6, maxLength: 24 }),
});
