/**
 * Seeds that once went wrong, and how. What a seed stands for shifts with the order in which the product makes its calls,
 * so that each fault has a test of its own, too, beside the part that was fixed.
 */
export const REGRESSIONS: readonly { readonly seed: number; readonly was: string }[] = [
  { seed: 5, was: "a temporary file that could not be removed took the desk's answer along" },
  { seed: 13, was: "two who replayed all at once left a message that was offered without end" },
  { seed: 24, was: "a message that left the folder and came back between two polls stayed unknown" },
  { seed: 54, was: "the late report of a run that had stood still wrote over a throttle" },
  { seed: 61, was: "a run that found the mailbox due before a throttle was known asked Graph at once" },
  { seed: 62, was: "a message was quarantined in an outage of the desk, by what the desk had taken before" },
  { seed: 73, was: "a resync during the purge delivered again what the purge had just purged" },
  { seed: 103, was: "a mailbox was given back before its throttle was stored" },
  { seed: 169, was: "what was left of one history ran into the next" },
  { seed: 184, was: "a mail with a date of the future was purged by its marks, and came again under another id" },
  { seed: 297, was: "each message that had met a passing fault was quarantined in the next outage" },
  { seed: 1088, was: "a run that had stood still reported in the end as if nobody had taken over" },
  { seed: 2088, was: "what somebody decided about a mail's former id was taken for a decision about the mail" },
  { seed: 4072, was: "a replay of all counted for a mail whose former id alone was in quarantine" },
  { seed: 4522, was: "of two waits that Graph asked for in one run, the shorter one was kept" },
  { seed: 6534, was: "six hundred mails that moved to another organisation were cut off on their way" },
  { seed: 9789, was: "dozens of mails that cannot be converted had no time to come to their quarantine" },
  { seed: 9804, was: "the same, at the end of months" },
  { seed: 10_415, was: "a throttle was forgotten over the report of a run that had stood still, which came first" },
];
