import type { MailContent, MessageSource } from "../message-source.ts";

type ReadContent = MessageSource["content"];

/** Reads messages one after the other, each while the desk still has the one before it. */
export interface ReadAhead {
  readonly content: ReadContent;
  /** The messages that will be asked for, in this order. */
  expect(messageIds: readonly string[]): void;
  /** Forgets what was read and not asked for. */
  drop(): Promise<void>;
}

/**
 * For a desk that takes one message at a time, and would wait for Graph between two. Reading ahead changes nothing about
 * a message: it is claimed when its turn comes, and only then.
 * @param mayRead false where no further message will be asked for
 */
export function createReadAhead(read: ReadContent, mayRead: () => boolean): ReadAhead {
  let expected: readonly string[] = [];
  let ahead: { readonly messageId: string; readonly reading: Promise<MailContent | undefined> } | undefined;

  function readNext(messageId: string): void {
    const place = expected.indexOf(messageId);
    const next = place < 0 ? undefined : expected[place + 1];
    if (next === undefined || ahead !== undefined || !mayRead()) return;
    ahead = { messageId: next, reading: read(next) };
    // A failure belongs to whoever asks for the message.
    ahead.reading.catch(() => {});
  }

  async function drop(): Promise<void> {
    const dropped = ahead;
    ahead = undefined;
    const content = await dropped?.reading.catch(() => undefined);
    await content?.dispose();
  }

  return {
    expect(messageIds) {
      expected = messageIds;
    },

    async content(messageId) {
      if (ahead?.messageId !== messageId) await drop();
      const reading = ahead?.reading ?? read(messageId);
      ahead = undefined;
      const content = await reading;
      readNext(messageId);
      return content;
    },

    drop,
  };
}
