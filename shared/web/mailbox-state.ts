import { html } from "hono/html";
import type { MailboxHealth } from "../health/mailbox-health.ts";
import type { StoredMailbox } from "../mailboxes/mailbox.ts";
import type { Html } from "./layout.ts";

/** The state of a mailbox in one line and one colour. */
export function mailboxState({ colour, line }: MailboxHealth): Html {
  return html`<span class="state ${colour}">${line}</span>`;
}

/** Whence and whither its mail goes. */
export function mailWay(mailbox: StoredMailbox): Html {
  return html`<small>Folder ${mailbox.folder}, to the desk “${mailbox.desk}”${acknowledgement(mailbox)}</small>`;
}

function acknowledgement({ acknowledge }: StoredMailbox): string {
  switch (acknowledge.kind) {
    case "nothing":
      return "";
    case "mark-read":
      return "; delivered mail is marked as read";
    case "move":
      return `; delivered mail is moved to ${acknowledge.folder}`;
  }
}
