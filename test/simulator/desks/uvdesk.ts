import { setTimeout } from "node:timers/promises";
import { escapeHtml } from "../escape-html.ts";
import { type Answer, html, type SeenRequest, type StandIn, type StartServer, startStandIn } from "../stand-in.ts";
import { formField } from "./uvdesk-form.ts";
import { PhpError, PhpException, type ProcessedMail, processInbound } from "./uvdesk-inbound.ts";
import { readMail, type UvdeskMail, type UvdeskVersion } from "./uvdesk-mail.ts";
import { createUvdeskTickets, type ReceivedMail, type UvdeskTicket } from "./uvdesk-tickets.ts";

/** How the desk behaves as a whole; mail is stored in the modes `ok`, `slow` and, half, in `half-ticket`. */
export type UvdeskMode =
  | "ok"
  /** Connections are cut. */
  | "unreachable"
  /** 200 with a page for people, as a proxy in maintenance gives it. */
  | "maintenance-html"
  | "html-500"
  | "503"
  /** Answers after `slowMs` of real time. Who hangs up before has delivered all the same. */
  | "slow"
  /** Stores the ticket, then fails before its mail is on it. https://github.com/uvdesk/community-skeleton/issues/740 */
  | "half-ticket"
  /** 500, in the words of Doctrine: the database is away; a row is locked for too long; it takes no changes. */
  | "database-away"
  | "database-locked"
  | "database-read-only";

/** A stand-in for the help desk UVdesk, with the habits of the real one. */
export interface Uvdesk {
  readonly origin: string;
  /** Where mail is posted, as the form field `email`. */
  readonly listenerUrl: string;
  mode: UvdeskMode;
  slowMs: number;
  /** Real time between the look at what is known and the writing; the real UVdesk takes longer. */
  insertsAfterMs: number;
  /** Says of a new ticket by its subject whether UVdesk fails before its text is stored. */
  breaksOff: (subject: string) => boolean;
  /** Addresses whose mail UVdesk skips. */
  readonly blockedSenders: Set<string>;
  readonly tickets: readonly UvdeskTicket[];
  /** Every mail that came in readable, in order, with what became of it. */
  readonly received: readonly ReceivedMail[];
  /** An agent answers in UVdesk. A mail sent through Graph leaves no Message-ID behind. */
  addAgentReply(ticketNumber: number, messageId: string | undefined): void;
  /** For planned faults and the log of requests. */
  readonly standIn: StandIn;
  stop(): Promise<void>;
}

interface UvdeskOptions {
  /** 0 takes a free one. */
  readonly port: number;
  /** The addresses configured in UVdesk as `imap_server.username`. */
  readonly mailboxes: readonly string[];
  /** 1.1.4 unless given; it behaves as later ones do. */
  readonly version?: UvdeskVersion;
  /** PHP's `post_max_size`. */
  readonly postMaxSizeBytes?: number;
  /** A server on loopback, unless told otherwise. */
  readonly startServer?: StartServer;
}

const DEFAULT_POST_MAX_SIZE_BYTES = 8 * 1024 * 1024;

export async function startUvdesk(options: UvdeskOptions): Promise<Uvdesk> {
  const { version = "1.1.4", postMaxSizeBytes = DEFAULT_POST_MAX_SIZE_BYTES, startServer = startStandIn } = options;
  const mailboxes = new Set(options.mailboxes.map((address) => address.toLowerCase()));
  const blockedSenders = new Set<string>();
  const tickets = createUvdeskTickets();
  const received: ReceivedMail[] = [];
  let mode: UvdeskMode = "ok";
  let slowMs = 1_000;
  let insertsAfterMs = 5;
  let breaksOff = (_subject: string) => false;

  const deps = {
    tickets,
    version,
    isMailbox: (address: string) => mailboxes.has(address.toLowerCase()),
    isBlocked: (address: string) => blockedSenders.has(address),
    failsHalfway: ({ subject }: UvdeskMail) => mode === "half-ticket" || breaksOff(subject),
    waitBeforeInserting: () => setTimeout(insertsAfterMs),
  };

  async function takeMail(request: SeenRequest): Promise<Answer> {
    if (request.method !== "POST") return symfonyJson(500, { success: false, message: "Request not supported." });
    const bytes = request.body.byteLength > postMaxSizeBytes ? undefined : formField(request, "email");
    if (bytes === undefined || bytes.byteLength === 0) {
      return symfonyJson(500, { success: false, message: "Missing required email data in request content." });
    }

    const entry: ReceivedMail = { bytes, at: request.at, headers: request.headers, outcome: "refused" };
    received.push(entry);
    const databaseFault = DATABASE_FAULTS.get(mode);
    if (databaseFault !== undefined) return symfonyJson(500, { success: false, message: databaseFault });
    try {
      const mail = await readMail(bytes, version);
      // The process is gone, and the connection with it.
      if (mail.killsParser) return { status: 0 };
      const processed = await processInbound(mail, deps);
      entry.outcome = processed.outcome;
      if (processed.ticket !== undefined) {
        entry.ticket = processed.ticket.number;
        processed.ticket.rawMails.push(entry);
      }
      return symfonyJson(200, { success: true, message: messageFor(processed, version) });
    } catch (error) {
      if (error instanceof PhpException) return symfonyJson(500, { success: false, message: error.message });
      if (error instanceof PhpError) return symfonyErrorPage();
      throw error;
    }
  }

  async function handle(request: SeenRequest): Promise<Answer> {
    if (mode === "maintenance-html") return html(200, MAINTENANCE_PAGE);
    if (mode === "html-500") return symfonyErrorPage();
    if (mode === "503") return html(503, "<h1>503 Service Unavailable</h1>", { "retry-after": "120" });
    if (mode === "slow") await setTimeout(slowMs);
    if (request.path === "/mailbox/listener") return takeMail(request);
    if (request.path === "/" && (request.method === "GET" || request.method === "HEAD"))
      return html(200, page(tickets.all));
    return html(404, "<h1>Oops! An Error Occurred</h1>");
  }

  const standIn = await startServer({ name: "UVdesk", port: options.port, handle });

  return {
    origin: standIn.origin,
    listenerUrl: `${standIn.origin}/mailbox/listener`,
    get mode() {
      return mode;
    },
    set mode(value) {
      mode = value;
      standIn.setDown(value === "unreachable");
    },
    get slowMs() {
      return slowMs;
    },
    set slowMs(value) {
      slowMs = value;
    },
    get breaksOff() {
      return breaksOff;
    },
    set breaksOff(value) {
      breaksOff = value;
    },
    get insertsAfterMs() {
      return insertsAfterMs;
    },
    set insertsAfterMs(value) {
      insertsAfterMs = value;
    },
    blockedSenders,
    tickets: tickets.all,
    received,
    addAgentReply: (ticketNumber, messageId) => {
      const ticket = tickets.all.find(({ number }) => number === ticketNumber);
      if (ticket === undefined) throw new Error(`There is no ticket ${ticketNumber}`);
      tickets.addThread(ticket, { from: "agent", messageId });
    },
    standIn,
    stop: standIn.stop,
  };
}

/** https://github.com/uvdesk/mailbox-component/blob/5545efef46744a1c6037b1829c4b780ff8e16538/Controller/MailboxChannelXHR.php (`processMailXHR`) */
function messageFor({ text, from, ticket, threadId, outcome }: ProcessedMail, version: UvdeskVersion): string {
  const sender = from === undefined ? "" : `Received email from <info>${from}</info>. `;
  // The number of a new ticket is not told.
  if (ticket === undefined || outcome === "new") return `${sender}${text}`;
  const thread = version === "1.1.3" ? threadId : ticket.number;
  const tag = threadId === undefined ? `tickets/${ticket.number}` : `tickets/${ticket.number}/#${thread}`;
  return `${sender}${text} <comment>[${tag}]</comment>`;
}

/** JSON as Symfony and PHP write it: safe inside HTML, in ASCII only, with an escaped slash. */
function symfonyJson(status: number, value: object): Answer {
  const body = JSON.stringify(value).replace(/\\.|[<>'&/]|[^\p{ASCII}]/gu, (found) => {
    if (found === "/") return "\\/";
    if (found === '\\"') return "\\u0022";
    if (found.startsWith("\\")) return found;
    return found.replace(/./gs, (unit) => unicodeEscape(unit));
  });
  return { status, headers: { "content-type": "application/json", "cache-control": "no-cache, private" }, body };
}

function unicodeEscape(codeUnit: string): string {
  const hex = codeUnit.charCodeAt(0).toString(16).padStart(4, "0");
  return codeUnit < "\u0080" ? `\\u${hex.toUpperCase()}` : `\\u${hex}`;
}

function symfonyErrorPage(): Answer {
  return html(
    500,
    `<!DOCTYPE html>
<html lang="en"><head><meta charset="UTF-8" /><title>An Error Occurred: Internal Server Error</title></head>
<body><div class="container"><h1>Oops! An Error Occurred</h1>
<h2>The server returned a "500 Internal Server Error".</h2></div></body></html>`,
  );
}

const DATABASE_FAULTS: ReadonlyMap<UvdeskMode, string> = new Map([
  ["database-away", "An exception occurred in the driver: SQLSTATE[HY000] [2002] Connection refused"],
  [
    "database-locked",
    "An exception occurred while executing a query: SQLSTATE[HY000]: General error: 1205 Lock wait timeout exceeded; try restarting transaction",
  ],
  [
    "database-read-only",
    "An exception occurred while executing a query: SQLSTATE[HY000]: General error: 1290 The MariaDB server is running with the --read-only option so it cannot execute this statement",
  ],
]);

const MAINTENANCE_PAGE =
  "<!doctype html><html><head><title>Maintenance</title></head><body><h1>We will be back soon</h1></body></html>";

function page(tickets: readonly UvdeskTicket[]): string {
  const rows = tickets
    .toReversed()
    .map(({ number, subject, from, at, replies }) => {
      const cells = [`#${number}`, subject, from, `${replies.length} replies`, new Date(at).toISOString()];
      return `<tr>${cells.map((cell) => `<td>${escapeHtml(cell)}</td>`).join("")}</tr>`;
    })
    .join("\n");
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>UVdesk (stand-in)</title>
<style>body{font:15px system-ui;margin:2rem}table{border-collapse:collapse}td,th{padding:.4rem .8rem;text-align:left;
border-bottom:1px solid #ddd}</style></head>
<body><h1>Tickets</h1><p>A stand-in of the simulator for the help desk UVdesk. Nothing here is real.</p>
<table><thead><tr><th>Ticket</th><th>Subject</th><th>From</th><th></th><th>Opened</th></tr></thead><tbody>
${rows}
</tbody></table></body></html>`;
}
