import type { Delivery, Desk, DeskAnswer } from "../../../shared/desks/desk.ts";
import { nameOf } from "./mail-harness.ts";

export const ACCEPTED: DeskAnswer = { kind: "accepted", words: "taken", reference: undefined };
export const DUPLICATE: DeskAnswer = { kind: "duplicate", words: "known", reference: undefined };
export const REFUSED: DeskAnswer = { kind: "refused", code: "LOOP_RISK", words: "an auto-reply" };
export const FAULT_OF_MESSAGE: DeskAnswer = {
  kind: "try-again",
  because: "message",
  code: "DESK_ERROR",
  words: "an exception",
  retryAfterMs: undefined,
  uncertain: true,
};
export const FAULT_OF_DESK: DeskAnswer = {
  ...FAULT_OF_MESSAGE,
  because: "desk",
  code: "NO_ANSWER",
  words: "no answer",
};

interface FakeDesk extends Desk {
  /** Names of the mails that it was offered, in their order. */
  readonly offered: string[];
  readonly deliveries: Delivery[];
}

/** A desk that answers as the test says, by the name of the mail. */
export function deskThat(answer: (name: string) => DeskAnswer): FakeDesk {
  const offered: string[] = [];
  const deliveries: Delivery[] = [];
  return {
    concurrency: 1,
    offered,
    deliveries,
    async deliver(delivery) {
      const name = nameOf(Buffer.from(await delivery.mail.arrayBuffer()));
      offered.push(name);
      deliveries.push(delivery);
      return answer(name);
    },
  };
}

/** For `MailHarness.run`: delivers to this desk. */
export function at(desk: Desk) {
  return { deps: { deskOf: () => desk } };
}
