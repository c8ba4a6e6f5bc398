import type { IncomingHttpHeaders } from "node:http";

/** A mail as it came in, with what became of it. */
export interface ReceivedMail {
  readonly bytes: Buffer;
  /** Simulated ms since 1970. */
  readonly at: number;
  /** Of the HTTP request. */
  readonly headers: IncomingHttpHeaders;
  outcome: "new" | "reply" | "duplicate" | "refused";
  /** The number of the ticket that it is on, or that stopped it. */
  ticket?: number;
}

/** UVdesk's row for one mail of a ticket: the first one, or a reply. */
interface UvdeskThread {
  readonly id: number;
  readonly from: string;
  /** `undefined` is UVdesk's NULL. */
  readonly messageId: string | undefined;
  readonly at: number;
}

export interface UvdeskTicket {
  readonly number: number;
  readonly subject: string;
  readonly from: string;
  /** Simulated ms since 1970. */
  readonly at: number;
  /** The Message-IDs of all its mails: UVdesk's column `reference_ids`. */
  readonly messageIds: string[];
  /** All but the first mail. */
  readonly replies: UvdeskThread[];
  readonly rawMails: ReceivedMail[];
  /** Names of the files that it has. */
  readonly attachments: string[];
  /** Mails of which it has the text; none is half a ticket. */
  threads: number;
  /** Set it to see what UVdesk does with mail for such tickets. */
  state: "open" | "trashed" | "spam";
}

/** UVdesk's tables, with the look-ups of its repositories. Nothing here is unique, as there. */
export interface UvdeskTickets {
  readonly all: UvdeskTicket[];
  /** By Message-ID, then In-Reply-To, then each of the References. The mailbox plays no part in it. */
  find(mail: {
    messageId: string | undefined;
    inReplyTo: string | undefined;
    references: readonly string[];
  }): UvdeskTicket | undefined;
  /** The thread with this Message-ID; `undefined` finds one that has none (`message_id IS NULL`). */
  threadWith(messageId: string | undefined): UvdeskThread | undefined;
  addTicket(mail: { from: string; subject: string; messageId: string | undefined }): UvdeskTicket;
  addThread(ticket: UvdeskTicket, mail: { from: string; messageId: string | undefined }): UvdeskThread;
}

export function createUvdeskTickets(): UvdeskTickets {
  const all: UvdeskTicket[] = [];
  /** The tickets' column of Message-IDs. A desk of a year has many tickets; each mail looks through them all. */
  const columns: string[] = [];
  const threads: { thread: UvdeskThread; ticket: UvdeskTicket }[] = [];
  /** The first thread with each Message-ID. */
  const threadRows = new Map<string | undefined, (typeof threads)[number]>();

  const ticketOfThread = (messageId: string) => threadRows.get(messageId)?.ticket;

  return {
    all,
    find: ({ messageId, inReplyTo, references }) => {
      if (messageId !== undefined) {
        // Exact equality with the whole column: this finds tickets of one mail only.
        const found = all[columns.indexOf(messageId)] ?? ticketOfThread(messageId);
        if (found !== undefined) return found;
      }
      if (inReplyTo !== undefined) {
        const found = all[columns.findIndex(like(inReplyTo))] ?? ticketOfThread(inReplyTo);
        if (found !== undefined) return found;
      }
      for (const reference of references) {
        const found = ticketOfThread(reference);
        if (found !== undefined) return found;
      }
      return undefined;
    },
    threadWith: (messageId) => threadRows.get(messageId)?.thread,
    addTicket: ({ from, subject, messageId }) => {
      const ticket: UvdeskTicket = {
        number: all.length + 1,
        subject,
        from,
        at: Date.now(),
        messageIds: messageId === undefined ? [] : [messageId],
        replies: [],
        rawMails: [],
        attachments: [],
        threads: 0,
        state: "open",
      };
      all.push(ticket);
      columns.push(ticket.messageIds.join(" "));
      return ticket;
    },
    addThread: (ticket, { from, messageId }) => {
      const thread = { id: threads.length + 1, from, messageId, at: Date.now() };
      const isFirst = !threads.some((other) => other.ticket === ticket);
      const row = { thread, ticket };
      threads.push(row);
      ticket.threads += 1;
      if (!threadRows.has(messageId)) threadRows.set(messageId, row);
      if (!isFirst) ticket.replies.push(thread);
      if (messageId !== undefined && !ticket.messageIds.includes(messageId)) ticket.messageIds.push(messageId);
      columns[ticket.number - 1] = ticket.messageIds.join(" ");
      return thread;
    },
  };
}

/** MySQL's `LIKE '%…%'`, whose wildcards nobody escapes here: it asks for a part of the column, in any case. */
function like(text: string): (column: string) => boolean {
  const pattern = text
    .replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
    .replaceAll("%", ".*")
    .replaceAll("_", ".");
  const found = new RegExp(pattern, "is");
  return (column) => found.test(column);
}
