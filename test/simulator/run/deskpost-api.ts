/** The JSON that Deskpost's functions speak, as a program of an administrator would use it. */
export interface DeskpostApi {
  mailboxes(): Promise<MailboxReport[]>;
  /** Gives the mailbox's id. */
  addMailbox(mailbox: NewMailbox): Promise<string>;
  /** All of them, or those in one state. */
  messages(mailboxId: string, state?: MessageReport["state"]): Promise<MessageReport[]>;
  /** Where a browser begins the consent. */
  startConsentUrl(mailboxId: string): string;
  /** The link for the owner of a mailbox. */
  invite(mailboxId: string): Promise<string>;
  /** The alarm that stands, by its code. */
  alarm(): Promise<string | undefined>;
  /** The page for people, who sign in there. */
  readonly pageUrl: string;
}

export interface NewMailbox {
  readonly address: string;
  readonly desk: string;
  readonly folder?: string;
  /** Messages received before are left alone. */
  readonly since?: string;
  readonly acknowledge?: "nothing" | "mark-read" | "move";
  readonly moveTo?: string;
}

/** The parts of a mailbox's report that the simulator looks at. */
export interface MailboxReport {
  readonly id: string;
  readonly address: string;
  readonly status: "new" | "connected" | "needs-owner" | "needs-admin" | "paused";
  readonly pending: number;
  readonly quarantined: number;
  readonly nextFetchAt: string;
  readonly lastError?: { readonly code: string; readonly message: string };
}

export interface MessageReport {
  readonly key: string;
  readonly state: "pending" | "delivered" | "refused" | "quarantined" | "gone";
  readonly dueAt: string;
  /** The desk's words. */
  readonly answer: string;
}

/** @param publicBaseUrl as in the setting PUBLIC_BASE_URL */
export function createDeskpostApi(publicBaseUrl: string): DeskpostApi {
  const base = `${publicBaseUrl}/api`;

  async function ask(path: string, body?: object): Promise<unknown> {
    const response = await fetch(`${base}/${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { accept: "application/json", "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (response.ok) return response.json();
    throw new Error(`Deskpost answered HTTP ${response.status} to ${path}: ${await response.text()}`);
  }

  return {
    pageUrl: `${base}/pages`,
    mailboxes: async () => ((await ask("mailboxes")) as { mailboxes: MailboxReport[] }).mailboxes,
    addMailbox: async (mailbox) => ((await ask("mailboxes", mailbox)) as { id: string }).id,
    messages: async (mailboxId, state) => {
      const query = state === undefined ? "" : `?state=${state}`;
      return ((await ask(`mailboxes/${mailboxId}/messages${query}`)) as { messages: MessageReport[] }).messages;
    },
    invite: async (mailboxId) => ((await ask(`mailboxes/${mailboxId}/invite`, {})) as { url: string }).url,
    alarm: async () => ((await ask("mailboxes")) as { alarm?: { code: string } }).alarm?.code,
    startConsentUrl: (mailboxId) => `${base}/start-consent?mailbox=${encodeURIComponent(mailboxId)}`,
  };
}
