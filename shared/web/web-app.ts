import type { Activity } from "../activity/activity.ts";
import type { CheckMailbox } from "../health/checks/diagnostics.ts";
import type { CheckStep } from "../health/checks/run-checks.ts";
import type { MailboxView, Overview } from "../health/overview.ts";
import type { Ledger, Period } from "../mail/ledger/ledger.ts";
import type { Audit } from "../mail/operator/audit.ts";
import type { ImportMail } from "../mail/operator/import-mail.ts";
import type { Quarantine } from "../mail/operator/quarantine.ts";
import type { StoredMessages } from "../mail/operator/stored-messages.ts";
import type { ChangeMailbox } from "../mailboxes/change-mailbox.ts";
import type { MailboxRegistry, StoredMailbox } from "../mailboxes/mailbox.ts";
import type { NewMailbox } from "../mailboxes/new-mailbox.ts";
import type { Config } from "../platform/config.ts";
import type { Consents } from "../tokens/consent.ts";
import type { Invitations } from "../tokens/invitations-table.ts";
import type { Sessions } from "./session/sessions.ts";
import type { SignIn } from "./session/sign-in.ts";
import type { Urls } from "./urls.ts";

/** What pages and API ask of the app. */
export interface WebApp {
  readonly config: Pick<Config, "desks" | "pageLinks">;
  readonly now: () => Date;
  readonly urls: Urls;
  readonly registry: MailboxRegistry;
  readonly ledger: Pick<Ledger, "entry" | "messages">;
  readonly consents: Consents;
  readonly invitations: Invitations;
  readonly changeMailbox: ChangeMailbox;
  readonly quarantine: Quarantine;
  readonly messages: StoredMessages;
  readonly activity: Activity;
  readonly importMail: ImportMail;
  audit(mailbox: StoredMailbox, period: Period): Promise<Audit>;
  /** Of the people who may see the pages. */
  readonly signIn: SignIn;
  readonly sessions: Sessions;
  /** Makes a link for the owner of a mailbox. */
  invite(mailboxId: string, anyAccount: boolean): Promise<{ readonly url: string; readonly endsAt: Date }>;
  checkNewMailbox(wanted: NewMailbox): Promise<readonly CheckStep[]>;
  overview(): Promise<Overview>;
  /** One line of it, with all that is known of the mailbox. */
  view(mailbox: StoredMailbox): Promise<MailboxView>;
  readonly checkMailbox: CheckMailbox;
}
