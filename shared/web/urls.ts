/** Every URL of the app that leaves it: in a redirect, a page or a log. All are built here, from configuration alone. */
export interface Urls {
  /** Origin, such as https://deskpost.example.com. */
  readonly origin: string;
  /**
   * Where Microsoft sends the browser back to after a consent, and after an administrator's sign-in. Both are registered
   * at Entra under platform "Web". Two, because each is guarded by something else: a mixed-up answer finds no entrance.
   */
  readonly redirect: string;
  readonly signInRedirect: string;
  /** The page of all mailboxes; also where a new one is posted to. */
  readonly mailboxes: string;
  /** The same, as it renews itself without a person. */
  readonly mailboxesUnattended: string;
  /** The form that adds one. */
  readonly newMailbox: string;
  readonly signOut: string;
  /** @param returnTo from `ownPath` */
  signIn(returnTo?: string, chooseAccount?: boolean): string;
  /** A page about one mailbox, and where a form about it is posted. Without an action: the mailbox's own page. */
  mailbox(mailboxId: string, action?: string): string;
  /** A page about one message, and where a form about it is posted. */
  message(mailboxId: string, key: string, action?: string): string;
  /** @param anyAccount lets another account than the one before connect the mailbox */
  connect(mailboxId: string, anyAccount?: boolean): string;
  /** The link for the owner of a mailbox. */
  invitation(token: string): string;
  /** Where that page sends the owner on to Microsoft. */
  acceptInvitation(token: string): string;
  /** The path and query of a page of ours; `undefined` for anything else that somebody wants us to lead to. */
  ownPath(text: string): string | undefined;
}

/** The route prefix of host.json. */
const PREFIX = "/api";
const PAGES = `${PREFIX}/pages`;

/** Law 8: they come from configuration alone. @param origin from `parseBaseUrl`; never from a request, whose Host and X-Forwarded headers anybody can write */
export function createUrls(origin: string): Urls {
  function at(path: string, query: Readonly<Record<string, string>> = {}): string {
    const url = new URL(`${PREFIX}/${path}`, origin);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return url.href;
  }
  const mailbox = (id: string, action?: string, query = {}) =>
    at(["pages/mailboxes", encodeURIComponent(id), action].filter((part) => part !== undefined).join("/"), query);
  return {
    origin,
    redirect: at("finish-consent"),
    signInRedirect: at("finish-sign-in"),
    mailboxes: at("pages"),
    mailboxesUnattended: at("pages", { unattended: "1" }),
    newMailbox: at("pages/mailboxes/new"),
    signOut: at("sign-out"),
    signIn: (returnTo, chooseAccount = false) =>
      at("sign-in", { ...(returnTo && { return: returnTo }), ...(chooseAccount && { account: "choose" }) }),
    mailbox: (id, action) => mailbox(id, action),
    message: (id, key, action) =>
      mailbox(id, ["messages", encodeURIComponent(key), action].filter((part) => part !== undefined).join("/")),
    connect: (id, anyAccount = false) => mailbox(id, "connect", anyAccount ? { account: "any" } : {}),
    invitation: (token) => at("invitation", { invitation: token }),
    acceptInvitation: (token) => at("invitation/accept", { invitation: token }),
    ownPath(text) {
      const url = URL.canParse(text, origin) ? new URL(text, origin) : undefined;
      const isPage = url?.origin === origin && (url.pathname === PAGES || url.pathname.startsWith(`${PAGES}/`));
      return isPage ? `${url.pathname}${url.search}` : undefined;
    },
  };
}
