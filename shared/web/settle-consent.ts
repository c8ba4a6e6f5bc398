import type { StoredMailbox } from "../mailboxes/mailbox.ts";
import { AppError } from "../platform/errors.ts";
import type { ConsentResult } from "../tokens/consent-result.ts";
import { consentSubject } from "./consent-subject.ts";
import type { WebApp } from "./web-app.ts";

/** The end of every consent, whichever way it came: a mailbox that is connected says so in the list, and is fetched. */
export async function settleConsent<Result extends ConsentResult>(
  { changeMailbox }: Pick<WebApp, "changeMailbox">,
  result: Result,
): Promise<Result> {
  if (result.kind === "connected") await changeMailbox.connected(result.mailboxId, result.userName);
  return result;
}

/**
 * Connects a mailbox whose access an administrator has granted to the application already, as by RBAC in Exchange.
 * @throws {AppError} INPUT_INVALID where its owner has to sign in
 */
export async function connectGranted(app: Pick<WebApp, "changeMailbox" | "consents">, mailbox: StoredMailbox) {
  if (mailbox.access !== "application") {
    throw new AppError(
      "INPUT_INVALID",
      `${mailbox.address} is connected by its owner, who signs in at Microsoft: send the link of an invitation`,
    );
  }
  return settleConsent(app, await app.consents.connectGranted(consentSubject(mailbox)));
}
