import { html } from "hono/html";
import { type HtmlAnswer, htmlAnswer, type PageContext } from "./layout.ts";
import { ADMIN_ROLE, type SignInRefusal } from "./session/sign-in.ts";

interface Words {
  readonly title: string;
  readonly happened: string;
  readonly next: string;
}

/** What somebody sees who was not let in. */
export function signInRefusedPage(refusal: SignInRefusal, context: PageContext): Promise<HtmlAnswer> {
  const { title, happened, next } = wordsFor(refusal);
  const body = html`<section class="card" role="alert"><p>${happened}</p><p>${next}</p>${signInButtons(context)}</section>`;
  return htmlAnswer(403, context, { title, body });
}

/** For a form that was sent after its session had ended. */
export function sessionOverPage(context: PageContext): Promise<HtmlAnswer> {
  const body = html`<section class="card" role="alert"><p>Your session has ended, so nothing was changed.</p>
<p>Sign in again, and press the button once more.</p>${signInButtons(context)}</section>`;
  return htmlAnswer(401, context, { title: "Sign in again", body });
}

/** The end of a session here; the one at Microsoft goes on until it is ended there. */
export function signedOutPage(signOutUrl: string, context: PageContext): Promise<HtmlAnswer> {
  const body = html`<section class="card"><p>You are signed out of Deskpost on this browser.</p>
<p>You may still be signed in at Microsoft: on a computer that others use, sign out there, too.</p>
<div class="actions"><a class="button main" href="${signOutUrl}">Sign out at Microsoft</a> <a class="button" href="${context.urls.signIn(undefined, true)}">Sign in again</a></div></section>`;
  return htmlAnswer(200, context, { title: "Signed out", body });
}

function signInButtons({ urls }: PageContext) {
  return html`<div class="actions"><a class="button main" href="${urls.signIn()}">Sign in</a> <a class="button" href="${urls.signIn(undefined, true)}">Sign in with another account</a></div>`;
}

function wordsFor(refusal: SignInRefusal): Words {
  switch (refusal.reason) {
    case "other-browser":
      return {
        title: "Not a sign-in of this browser",
        happened:
          "The answer from Microsoft does not belong to a sign-in that this browser has started here in the last minutes, or it was used already. That also happens when the browser refuses cookies.",
        next: "If you followed a link that somebody sent you, close this window. Otherwise sign in again.",
      };
    case "expired":
      return {
        title: "Too late",
        happened: "More than ten minutes went by between leaving for Microsoft and coming back.",
        next: "Sign in again.",
      };
    case "declined":
      return {
        title: "Declined",
        happened: "The sign-in was ended on Microsoft's page.",
        next: "Deskpost asks there only for your name. To allow it after all, sign in again.",
      };
    case "microsoft-error":
      return {
        title: "Microsoft reports an error",
        happened: `Microsoft ended the sign-in with the error ${refusal.error}.`,
        next: "Its meaning is listed at learn.microsoft.com/entra/identity-platform/reference-error-codes. AADSTS700054 means that Microsoft refuses Deskpost's own credential and the registration allows no sign-in without it: store a new client secret in Key Vault, or tick “ID tokens” in Entra under App registrations, Authentication. AADSTS50105 and AADSTS90094 mean that an administrator must let you use the application first, in Entra under Enterprise applications. If the code names the application or the redirect URI, whoever runs Deskpost must put the app registration right.",
      };
    case "token-refused":
      return {
        title: "Microsoft did not confirm the sign-in",
        happened: refusal.message.endsWith(".") ? refusal.message : `${refusal.message}.`,
        next: "Try again in a minute. If it stays so, whoever runs Deskpost must look at the app registration and its credential.",
      };
    case "other-tenant":
      return {
        title: "Another organisation",
        happened: `${refusal.userName} does not belong to the organisation that runs this Deskpost.`,
        next: "Sign in with an account of that organisation. To connect a mailbox of another one, ask for an invitation link.",
      };
    case "no-role":
      return {
        title: "No access",
        happened: `${refusal.userName} signed in, but does not have the role ${ADMIN_ROLE}.`,
        next: `An administrator of your organisation gives it in Entra, under Enterprise applications → Deskpost → Users and groups. Then sign in again. To connect only your own mailbox, ask for an invitation link.`,
      };
  }
}
