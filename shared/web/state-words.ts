import type { MessageState } from "../mail/ledger/ledger.ts";

/** The states of a message, for people. */
export const STATE_WORDS: Readonly<Record<MessageState, string>> = {
  pending: "Pending",
  delivered: "Delivered",
  refused: "Refused by the desk",
  quarantined: "In quarantine",
  discarded: "Given up by a person",
  gone: "Deleted before delivery",
};
