import { incorrectString, type UvdeskMail, type UvdeskVersion } from "./uvdesk-mail.ts";
import type { ReceivedMail, UvdeskTicket, UvdeskTickets } from "./uvdesk-tickets.ts";

/** What UVdesk's `processMail` returns to its controller. */
export interface ProcessedMail {
  readonly text: string;
  readonly from?: string;
  readonly ticket?: UvdeskTicket | undefined;
  readonly threadId?: number | undefined;
  readonly outcome: ReceivedMail["outcome"];
}

/** A PHP Error, such as a call on null: UVdesk catches Exceptions only, so Symfony answers with its HTML page. */
export class PhpError extends Error {
  override readonly name = "PhpError";
}

/** A PHP Exception: UVdesk answers 500 with its text as JSON. */
export class PhpException extends Error {
  override readonly name = "PhpException";
}

interface InboundDeps {
  readonly tickets: UvdeskTickets;
  readonly version: UvdeskVersion;
  isMailbox(address: string): boolean;
  isBlocked(address: string): boolean;
  /** Fails after the ticket is stored and before its first thread is. */
  failsHalfway(mail: UvdeskMail): boolean;
  /**
   * Between look-up and insertion UVdesk holds no lock, and nothing in its tables is unique: two deliveries of one mail
   * at the same time make two tickets, or two replies.
   */
  waitBeforeInserting(): Promise<void>;
}

const ALREADY_PROCESSED = "The contents of this email has already been processed.";

/**
 * What UVdesk does with a mail, decision by decision, in its order:
 * https://github.com/uvdesk/mailbox-component/blob/5545efef46744a1c6037b1829c4b780ff8e16538/Services/MailboxService.php (`processMail`)
 */
export async function processInbound(mail: UvdeskMail, deps: InboundDeps): Promise<ProcessedMail> {
  const { tickets, version } = deps;
  const texts = TEXTS[version];
  const { from } = mail;
  if (from === undefined) return { text: texts.noSender, outcome: "refused" };

  const refusal = reasonToRefuse(mail, from, deps);
  if (refusal !== undefined) return { text: refusal, from, outcome: "refused" };

  const known = tickets.find(mail);
  if (known === undefined) return { ...(await createTicket(mail, from, deps)), text: texts.processed };

  if (known.state !== "open") return { text: texts.processed, from, ticket: known, outcome: "refused" };

  // A mail that has References but no In-Reply-To is dropped here, under a text that says otherwise.
  if (mail.inReplyTo === undefined) {
    const isKnown = mail.messageId !== undefined && known.messageIds.includes(mail.messageId);
    return { text: ALREADY_PROCESSED, from, ticket: known, outcome: isKnown ? "duplicate" : "refused" };
  }

  const sameId = tickets.threadWith(mail.messageId);
  if (sameId !== undefined) {
    return { text: ALREADY_PROCESSED, from, ticket: known, threadId: sameId.id, outcome: "duplicate" };
  }
  if (mail.messageId !== undefined && known.messageIds.includes(mail.messageId)) {
    return { text: ALREADY_PROCESSED, from, outcome: "duplicate" };
  }
  await deps.waitBeforeInserting();
  storable(mail, "customer");
  storable(mail, "thread");
  const { id } = tickets.addThread(known, { from, messageId: mail.messageId });
  storeAttachments(mail, known);
  return { text: texts.processed, from, ticket: known, threadId: id, outcome: "reply" };
}

function reasonToRefuse(mail: UvdeskMail, from: string, deps: InboundDeps): string | undefined {
  if (mail.recipients.length === 0) return TEXTS[deps.version].noRecipients;
  if (mail.isAutomatic) {
    return "Received an auto-forwarded email which can lead to possible infinite loop of email exchanges. Skipping email from further processing.";
  }
  const senders = deps.version === "1.1.3" ? [from, ...mail.replyTo] : [from];
  if (senders.some(deps.isMailbox)) {
    return "Received a self-referencing email where the sender email address matches one of the configured mailbox address. Skipping email from further processing.";
  }
  if (deps.isBlocked(from)) {
    return "Received email where the sender email address is present in the block list. Skipping this email from further processing.";
  }
  return undefined;
}

/** https://github.com/uvdesk/core-framework/blob/008c076e9abbd5a0628ff9682db6ad5ef076c3a5/Services/TicketService.php (`createTicket`) */
async function createTicket(mail: UvdeskMail, from: string, deps: InboundDeps): Promise<Omit<ProcessedMail, "text">> {
  const { tickets } = deps;
  // createTicket returns null when a thread has this Message-ID, and a missing one equals any other missing one;
  // createTicketBase returns null when no recipient is a mailbox. Nobody checks for the null.
  const nullInsteadOfThread = tickets.threadWith(mail.messageId) !== undefined || !mail.recipients.some(deps.isMailbox);
  if (nullInsteadOfThread) throw new PhpError("Call to a member function getTicket() on null");

  await deps.waitBeforeInserting();
  storable(mail, "customer");
  storable(mail, "ticket");
  const ticket = tickets.addTicket({ from, subject: mail.subject, messageId: mail.messageId });
  // The ticket is stored for good before its text is: https://github.com/uvdesk/community-skeleton/issues/740
  if (deps.failsHalfway(mail)) throw new PhpException("Unable to save the thread of the ticket.");
  storable(mail, "thread");
  tickets.addThread(ticket, { from, messageId: mail.messageId });
  storeAttachments(mail, ticket);
  return { from, outcome: "new", ticket };
}

/** @throws {PhpException} in the words of Doctrine, where the database does not take it */
function storable(mail: UvdeskMail, row: keyof UvdeskMail["refused"]): void {
  const fault = mail.refused[row];
  if (fault !== undefined) throw new PhpException(fault);
}

/** The text is stored by then. */
function storeAttachments(mail: UvdeskMail, ticket: UvdeskTicket): void {
  for (const { name, isStorable } of mail.attachments) {
    if (!isStorable) throw new PhpException(incorrectString("uv_ticket_attachments.name"));
    ticket.attachments.push(name);
  }
}

// "processsed" is how 1.1.3 spells it.
const TEXTS = {
  "1.1.3": {
    processed: "Inbound email processsed successfully.",
    noSender: "No sender email addresses were found while processing contents of email.",
    noRecipients: "No recipient email addresses were found while processing contents of email.",
  },
  "1.1.4": {
    processed: "Inbound email processed successfully.",
    noSender: "No 'from' email address was found while processing contents of email.",
    noRecipients: "No 'to' email addresses were found in the email.",
  },
} as const satisfies Record<UvdeskVersion, object>;
