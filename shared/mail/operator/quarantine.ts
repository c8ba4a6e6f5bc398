import pLimit from "p-limit";
import type { Activity } from "../../activity/activity.ts";
import { cutText } from "../../platform/cut-text.ts";
import { AppError, RowChangedError } from "../../platform/errors.ts";
import type { Log } from "../../telemetry/log.ts";
import { existingMessage, type Ledger, type MessageState, type StoredEntry } from "../ledger/ledger.ts";

/** What may be offered to the desk again: what the desk does not have. */
const REPLAYABLE: ReadonlySet<MessageState> = new Set(["quarantined", "refused", "discarded", "gone"]);
/** Messages that are replayed at one request. */
const REPLAYED_AT_MOST = 1_000;
/** Side by side. */
const WRITES_AT_ONCE = 8;
const NOTE_LIMIT = 300;

export interface QuarantineDeps {
  readonly ledger: Pick<Ledger, "entry" | "quarantined" | "replay" | "discard">;
  /** Makes the mailbox due, and its desk awake. */
  readonly fetchNow: (mailboxId: string) => Promise<unknown>;
  readonly activity: Pick<Activity, "note">;
  readonly log: Log;
  readonly now: () => Date;
}

/** What a person does about messages that could not be delivered. */
export interface Quarantine {
  /** The longest quarantined first. */
  list(mailboxId: string, limit: number): Promise<StoredEntry[]>;
  /**
   * Offers a message to the desk again, with all attempts before it.
   * @throws {AppError} MESSAGE_NOT_FOUND, INPUT_INVALID where the desk has it or is about to get it
   */
  replay(mailboxId: string, key: string): Promise<void>;
  /** Offers everything that is quarantined again, a thousand at most. Gives how many. */
  replayAll(mailboxId: string): Promise<number>;
  /**
   * Gives a message up for good.
   * @param note why; kept with the message
   * @throws {AppError} MESSAGE_NOT_FOUND, INPUT_INVALID where it is not quarantined or the note is missing
   */
  discard(mailboxId: string, key: string, note: string): Promise<void>;
}

export function createQuarantine({ ledger, fetchNow, activity, log, now }: QuarantineDeps): Quarantine {
  async function putBack(mailboxId: string, entry: StoredEntry): Promise<void> {
    await ledger.replay(mailboxId, entry, now());
    log.info("message replayed", { mailboxId, message: entry.key, was: entry.state });
  }

  return {
    list: (mailboxId, limit) => ledger.quarantined(mailboxId, limit),

    async replay(mailboxId, key) {
      const entry = await existingMessage(ledger, mailboxId, key);
      if (!REPLAYABLE.has(entry.state)) {
        throw new AppError("INPUT_INVALID", `Message ${key} is ${entry.state}: there is nothing to replay`);
      }
      await putBack(mailboxId, entry);
      await activity.note(mailboxId, { kind: "replayed", count: 1 });
      await fetchNow(mailboxId);
    },

    async replayAll(mailboxId) {
      const atOnce = pLimit(WRITES_AT_ONCE);
      const entries = await ledger.quarantined(mailboxId, REPLAYED_AT_MOST);
      const done = await Promise.all(
        entries.map((entry) =>
          atOnce(async () => {
            try {
              await putBack(mailboxId, entry);
              return true;
            } catch (error) {
              // Somebody else decided about it at the same moment.
              if (error instanceof RowChangedError) return false;
              throw error;
            }
          }),
        ),
      );
      const count = done.filter(Boolean).length;
      if (count > 0) await activity.note(mailboxId, { kind: "replayed", count });
      await fetchNow(mailboxId);
      return count;
    },

    async discard(mailboxId, key, note) {
      const reason = cutText(note.replace(/\s+/g, " ").trim(), NOTE_LIMIT);
      if (reason === "") throw new AppError("INPUT_INVALID", "Say why the message is given up: the note stays with it");
      const entry = await existingMessage(ledger, mailboxId, key);
      if (entry.state !== "quarantined") {
        throw new AppError(
          "INPUT_INVALID",
          `Message ${key} is ${entry.state}: only what is quarantined can be discarded`,
        );
      }
      await ledger.discard(mailboxId, entry, reason, now());
      log.warn("message discarded", { mailboxId, message: key });
      await activity.note(mailboxId, { kind: "discarded" });
    },
  };
}
