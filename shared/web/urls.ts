/** Every URL of the app that leaves it: in a redirect, a page or a log. All are built here, from configuration alone. */
export interface Urls {
  /** Where Microsoft sends the browser back to; registered at Entra under platform "Web". */
  readonly redirect: string;
  /** Origin, such as https://deskpost.example.com. */
  readonly origin: string;
  /** The page of all mailboxes. */
  mailboxes(key: string | undefined): string;
  /** The form that adds one. */
  newMailbox(key: string | undefined): string;
  /** Where a form about one mailbox is posted. */
  mailboxAction(mailboxId: string, action: string, key: string | undefined): string;
  /** @param anyAccount lets another account than the one before connect the mailbox */
  startConsent(mailboxId: string, key: string | undefined, anyAccount?: boolean): string;
}

/** The route prefix of host.json. */
const PREFIX = "/api";

/**
 * @param origin from `parseBaseUrl`; never from a request, whose Host and X-Forwarded headers anybody can write.
 * The function key travels in the query parameter `code`, as the Functions host wants it.
 */
export function createUrls(origin: string): Urls {
  function at(path: string, key: string | undefined, query: Readonly<Record<string, string>> = {}): string {
    const url = new URL(`${PREFIX}/${path}`, origin);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    if (key !== undefined) url.searchParams.set("code", key);
    return url.href;
  }
  return {
    origin,
    redirect: at("finish-consent", undefined),
    mailboxes: (key) => at("mailboxes", key),
    newMailbox: (key) => at("mailboxes/new", key),
    mailboxAction: (mailboxId, action, key) => at(`mailboxes/${encodeURIComponent(mailboxId)}/${action}`, key),
    startConsent: (mailboxId, key, anyAccount = false) =>
      at("start-consent", key, { mailbox: mailboxId, ...(anyAccount ? { account: "any" } : {}) }),
  };
}
