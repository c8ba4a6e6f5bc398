// The entry of the bundle. Each function registers itself; none of them fails while it is loaded, so that the host
// always finds them all.
import "./fetch-mail.ts";
import "./fetch-mailbox.ts";
import "./finish-consent.ts";
import "./health.ts";
import "./keep-tokens.ts";
import "./mailboxes.ts";
import "./poison-fetches.ts";
import "./start-consent.ts";
