import { html } from "hono/html";
import type { ConsentRefusal, ConsentResult } from "../tokens/consent-result.ts";
import { type Html, type HtmlAnswer, htmlAnswer } from "./layout.ts";
import type { Urls } from "./urls.ts";

interface Words {
  readonly title: string;
  readonly happened: string;
  readonly next: string;
  /** A link that somebody else is to follow. */
  readonly forward?: string;
}

const AGAIN =
  "Go to the list of mailboxes and press Connect there; or, if you were invited, open the invitation's link again.";

const GUEST_NEXT =
  "The link that you were sent still works: open it again later. If this page comes again then, tell whoever sent it.";

/** What the person sees who comes back from Microsoft. `address` is the mailbox that was to be connected, where known. */
export function consentPage(result: ConsentResult, address: string | undefined, urls: Urls): Promise<HtmlAnswer> {
  const context = { urls, links: {}, session: undefined };
  if (result.kind === "approval-ended") {
    const body = html`<section class="card"><h2>Back from Microsoft</h2>
<p>This page cannot tell whether Deskpost was approved for an organisation: its address proves nothing, and nothing was changed by it. If you approved it on Microsoft's page, whoever asked you can now connect the mailbox as its owner; that sign-in shows whether it is allowed. You can close this window.</p></section>`;
    return htmlAnswer(200, context, { title: "Back from Microsoft", body });
  }
  // Who was invited has no business on the other pages.
  const back: Html = result.invited
    ? html``
    : html`<p class="actions"><a class="button main" href="${urls.mailboxes}">To the list of mailboxes</a></p>`;
  if (result.kind === "connected") {
    const body = html`<section class="card"><h2 class="good">${address ?? "The mailbox"} is connected</h2>
<p>${result.userName === "" ? "Deskpost itself has access." : `Signed in as ${result.userName}.`} Its mail is being fetched now; from here on it goes by itself. You can close this window.</p>${back}</section>`;
    return htmlAnswer(200, context, { title: "Connected", body });
  }
  const { title, happened, next, forward } = (result.invited ? guestWordsFor(result) : undefined) ?? wordsFor(result);
  const body = html`<section class="card" role="alert"><h2 class="bad">${address ?? "The mailbox"} was not connected</h2>
<p>${happened}</p><p>${next}</p>${forward === undefined ? "" : html`<p><a href="${forward}">${forward}</a></p>`}<p>Nothing was stored, and nothing that worked before has changed.</p>${back}</section>`;
  return htmlAnswer(400, context, { title, body });
}

/** For use within a sentence. */
function lowered(text: string): string {
  return `${text.charAt(0).toLowerCase()}${text.slice(1)}`;
}

/** Ends a text with one full stop. */
function sentence(text: string): string {
  return text.endsWith(".") ? text : `${text}.`;
}

/** What whoever runs Deskpost must put right is no business of somebody who was invited, and not their fault. */
function guestWordsFor(refusal: ConsentRefusal): Words | undefined {
  switch (refusal.reason) {
    case "no-refresh-token":
    case "microsoft-error":
      return OUR_FAULT;
    case "token-refused":
      return refusal.class === "app" || refusal.class === "passing" ? OUR_FAULT : undefined;
    case "mailbox-removed":
      return { ...wordsFor(refusal), next: "Ask whoever sent you the invitation." };
    default:
      return undefined;
  }
}

const OUR_FAULT: Words = {
  title: "This did not work",
  happened:
    "The mailbox cannot be connected at the moment. It is not your fault, and there is nothing to put right on your side.",
  next: GUEST_NEXT,
};

function wordsFor(refusal: ConsentRefusal): Words {
  switch (refusal.reason) {
    case "no-state":
      return {
        title: "No sign-in to finish",
        happened: "This address finishes a sign-in that was started in Deskpost, but the request carries none.",
        next: AGAIN,
      };
    case "unknown-state":
    case "other-browser":
      return {
        title: "Not a sign-in of this browser",
        happened:
          "The answer from Microsoft does not belong to a sign-in that this browser has started here, or it was started more than a day ago. That also happens when the browser refuses cookies.",
        next: `If you followed a link that somebody sent you, close this window. Otherwise: ${AGAIN}`,
      };
    case "used-state":
      return {
        title: "Already used",
        happened: "This sign-in was finished before; each one counts once. Loading its last page again has no effect.",
        next: "The list of mailboxes shows whether the mailbox is connected.",
      };
    case "expired-state":
      return {
        title: "Too late",
        happened: "More than ten minutes went by between leaving for Microsoft and coming back.",
        next: AGAIN,
      };
    case "declined":
      return {
        title: "Declined",
        happened: "The permissions were declined on Microsoft's page.",
        next: `Without them Deskpost cannot read the mailbox. To allow it after all: ${AGAIN}`,
      };
    case "admin-approval-required":
      return {
        title: "An administrator must approve",
        happened: "Your organisation lets only its administrators approve applications that read mail.",
        next: `Send this link to a Microsoft 365 administrator of your organisation, who approves Deskpost there once for everybody. Afterwards connect the mailbox as its owner: ${lowered(AGAIN)}`,
        forward: refusal.approvalUrl,
      };
    case "microsoft-error":
      return {
        title: "Microsoft reports an error",
        happened: `Microsoft ended the sign-in with the error ${refusal.error}.`,
        next: "Its meaning is listed at learn.microsoft.com/entra/identity-platform/reference-error-codes. If it names the application or the redirect URI, whoever runs Deskpost must put the app registration right.",
      };
    case "mailbox-removed":
      return {
        title: "The mailbox was removed",
        happened: "Somebody took the mailbox off the list while you were signing in.",
        next: "Add it again, and connect it then.",
      };
    case "used-invitation":
      return {
        title: "The invitation was used or withdrawn",
        happened: "An invitation connects a mailbox once, and this one has been used or withdrawn.",
        next: "Ask whoever sent it for a new one.",
      };
    case "no-code":
      return {
        title: "Microsoft sent no code",
        happened: "The answer from Microsoft carries neither a code nor an error.",
        next: AGAIN,
      };
    case "no-refresh-token":
      return {
        title: "No lasting access",
        happened: "Microsoft gave access for an hour only, without the refresh token that keeps a mailbox connected.",
        next: "Whoever runs Deskpost must register its redirect URI under the platform “Web” (not “Single-page application”) and let the application ask for offline_access.",
      };
    case "other-tenant":
      return {
        title: "Another organisation",
        happened: "The account that signed in belongs to another organisation than the mailbox.",
        next: `Sign in with an account of the mailbox's organisation. ${AGAIN}`,
      };
    case "other-account":
      return {
        title: "Another account",
        happened: `${refusal.userName} signed in, but ${refusal.userNameBefore} had connected the mailbox before.`,
        next: "Sign in as that account. If the change is meant, press “Connect with another account” in the list of mailboxes.",
      };
    case "missing-scopes":
      return {
        title: "Permissions are missing",
        happened: `Microsoft did not grant ${refusal.missing.join(", ")}.`,
        next: `Accept all permissions on Microsoft's page. If it never asks for them, whoever runs Deskpost must add them to the app registration as delegated permissions of Microsoft Graph. ${AGAIN}`,
      };
    case "mailbox-not-opened":
      return {
        title: "The mailbox does not open",
        happened: `${refusal.userName} signed in, but cannot open the mailbox and folder. ${sentence(refusal.detail)}`,
        next: "Sign in as the owner of the mailbox, or give whoever signs in, or the application, access to it in Exchange; and check the address and the folder. A new permission can take two hours to work.",
      };
    case "same-folder":
      return {
        title: "The folder is connected already",
        happened: `Deskpost brings in the mail of this folder already: it is the one that is in the list as “${refusal.folder}”. Nothing was changed; connected twice, every mail would become two tickets.`,
        next: "Nothing is to be done for its mail. Whoever runs Deskpost removes one of the two from the list of mailboxes.",
      };
    case "token-refused":
      return refusal.class === "passing"
        ? {
            title: "Microsoft did not answer properly",
            happened:
              "The sign-in could not be completed because Microsoft did not answer as it should, or its answer could not be verified.",
            next: `Try again in a few minutes. ${AGAIN}`,
          }
        : {
            title: "Microsoft refused the sign-in",
            happened: sentence(refusal.message),
            next:
              refusal.class === "app"
                ? "Whoever runs Deskpost must put the app registration or its credential right; then connect again."
                : refusal.class === "tenant-admin"
                  ? "A Microsoft 365 administrator of the organisation must allow it; the sign-in log in Entra names the policy."
                  : AGAIN,
          };
  }
}
