// The entry of the bundle. Each function registers itself; none of them fails while it is loaded, so that the host
// always finds them all.
import "./telemetry.ts";
import "./account.ts";
import "./activity.ts";
import "./check-mailbox.ts";
import "./discard-message.ts";
import "./fetch-mail.ts";
import "./fetch-mailbox.ts";
import "./finish-consent.ts";
import "./finish-sign-in.ts";
import "./health.ts";
import "./import-mail.ts";
import "./invitation.ts";
import "./keep-tokens.ts";
import "./mailboxes.ts";
import "./message-content.ts";
import "./message.ts";
import "./messages.ts";
import "./pages.ts";
import "./poison-fetches.ts";
import "./replay-message.ts";
import "./replay-quarantine.ts";
import "./sign-in.ts";
import "./sign-out.ts";
import "./start-consent.ts";
