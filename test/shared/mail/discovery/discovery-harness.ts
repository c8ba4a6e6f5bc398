import { discover } from "../../../../shared/mail/discovery/discover.ts";
import { json } from "../../../simulator/stand-in.ts";
import {
  asksForChanges,
  type ConnectedMailbox,
  type MailHarness,
  MINUTE_MS,
  NOON,
  now,
  useMailHarness,
} from "../mail-harness.ts";

type Discovery = Parameters<typeof discover>[0];

/** What the tests of discovery need besides the mail harness. */
interface DiscoveryHarness {
  readonly harness: MailHarness;
  /** Discovery alone, as one run makes it. */
  discoverIn(mailbox: ConnectedMailbox, changes?: Partial<Discovery>): ReturnType<typeof discover>;
  /** The ids of the messages that the ledger knows, sorted. */
  known(mailbox: ConnectedMailbox): Promise<string[]>;
  checkpointOf(mailbox: ConnectedMailbox): Promise<string>;
  /** A page of changes that Graph did not think of itself, with a link that leads back to the stored position. */
  planPage(value: readonly object[], link: string): void;
}

/** Everything fresh for each test of the file. */
export function useDiscovery(): DiscoveryHarness {
  const harness = useMailHarness();
  return {
    harness,
    discoverIn: async (mailbox, changes = {}) => {
      const ledger = await harness.lease(mailbox);
      try {
        return await discover({
          mailboxId: mailbox.id,
          source: harness.source(),
          ledger,
          deliverFrom: NOON,
          deadline: new Date(Date.now() + 10 * MINUTE_MS),
          now,
          log: harness.log,
          ...changes,
        });
      } finally {
        await ledger.release();
      }
    },
    known: async ({ id }) => (await harness.ledger.entries(id)).map(({ messageId }) => messageId).sort(),
    checkpointOf: async (mailbox) => {
      const ledger = await harness.lease(mailbox);
      const { link } = ledger.checkpoint;
      await ledger.release();
      return link ?? "";
    },
    planPage: (value, link) => {
      harness.graph.server.plan(asksForChanges, {
        kind: "answer",
        answer: json(200, { value, "@odata.deltaLink": link }),
      });
    },
  };
}
