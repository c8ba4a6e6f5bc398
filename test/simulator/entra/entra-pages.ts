import { escapeHtml } from "../escape-html.ts";
import type { Account } from "./entra-directory.ts";
import type { EntraErrorBody } from "./entra-errors.ts";
import type { Permission } from "./entra-permissions.ts";

/** Where a page's form goes, and the sign-in that it belongs to. */
interface PageForm {
  readonly action: string;
  /** Names the sign-in that is under way. */
  readonly ctx: string;
}

/** "Pick an account", with a field for one that is not listed. */
export function accountPage(page: {
  readonly form: PageForm;
  readonly application: string;
  readonly accounts: readonly Account[];
  readonly userName?: string;
  readonly complaint?: string;
}): string {
  const tiles = page.accounts.map(
    ({ oid, name, userName }) => `
      <button class="tile" name="account" value="${escapeHtml(oid)}">
        <span class="avatar" aria-hidden="true">${escapeHtml(name.slice(0, 1).toUpperCase())}</span>
        <span><strong>${escapeHtml(name)}</strong><br>${escapeHtml(userName)}</span>
      </button>`,
  );
  return document(
    page.accounts.length > 0 ? "Pick an account" : "Sign in",
    `<p>to continue to ${escapeHtml(page.application)}</p>
    ${complaint(page.complaint)}
    ${tiles.length > 0 ? form(page.form, tiles.join("")) : ""}
    ${form(
      page.form,
      `<label for="userName">Use another account</label>
      <input id="userName" name="userName" type="email" placeholder="Email, phone, or Skype" autocomplete="off" value="${escapeHtml(page.userName ?? "")}">
      <div class="actions"><button class="primary">Next</button></div>`,
    )}`,
  );
}

/** "Permissions requested". https://learn.microsoft.com/entra/identity-platform/application-consent-experience */
export function consentPage(page: {
  readonly form: PageForm;
  readonly application: string;
  readonly account: Account;
  readonly permissions: readonly Permission[];
}): string {
  const items = page.permissions.map(
    ({ title, explanation }) =>
      `<li><details><summary>${escapeHtml(title)}</summary><p>${escapeHtml(explanation)}</p></details></li>`,
  );
  return document(
    "Permissions requested",
    `<p class="account">${escapeHtml(page.account.userName)}</p>
    <p><strong>${escapeHtml(page.application)}</strong><br><span class="quiet">unverified</span></p>
    <p>This app would like to:</p>
    <ul class="permissions">${items.join("")}</ul>
    <p class="quiet">Accepting these permissions means that you allow this app to use your data as specified in their
    terms of service and privacy statement. You can change these permissions at https://myapps.microsoft.com.</p>
    ${form(
      page.form,
      `<div class="actions"><button name="decision" value="cancel">Cancel</button>
      <button class="primary" name="decision" value="accept">Accept</button></div>`,
    )}`,
  );
}

/** An administrator is asked for the whole organisation. */
export function adminConsentPage(page: {
  readonly form: PageForm;
  readonly application: string;
  readonly permissions: readonly string[];
}): string {
  const items = page.permissions.map((permission) => `<li>${escapeHtml(permission)}</li>`);
  return document(
    "Permissions requested",
    `<p>Review for your organization</p>
    <p><strong>${escapeHtml(page.application)}</strong><br><span class="quiet">unverified</span></p>
    <p>This app would like to:</p>
    <ul class="permissions">${items.join("")}</ul>
    <p class="quiet">If you accept, this app will get access to the specified resources for all users in your
    organization. No one else will be prompted to review these permissions.</p>
    ${form(
      page.form,
      `<div class="actions"><button name="decision" value="cancel">Cancel</button>
      <button class="primary" name="decision" value="accept">Accept</button></div>`,
    )}`,
  );
}

/** What a person sees whose tenant lets only administrators consent. */
export function approvalPage(page: {
  readonly form: PageForm;
  readonly application: string;
  readonly account: Account;
}): string {
  return document(
    "Approval required",
    `<p class="account">${escapeHtml(page.account.userName)}</p>
    <p><strong>${escapeHtml(page.application)}</strong> needs permission to access resources in your organization that only
    an admin can grant. Please ask an admin to grant permission to this app before you can use it.</p>
    ${form(
      page.form,
      `<button class="link" name="decision" value="return">Return to the application without granting consent</button>`,
    )}`,
  );
}

/** The end of a sign-out that names no page to go on to. */
export function signedOutPage(): string {
  return document("You signed out of your account", "<p>It’s a good idea to close all browser windows.</p>");
}

/** A refusal that stays with Entra: the application hears nothing of it. */
export function errorPage(error: EntraErrorBody): string {
  const [, text = error.error_description] = /^(.*?) Trace ID: /s.exec(error.error_description) ?? [];
  return document(
    "Sorry, but we’re having trouble signing you in.",
    `<p>${escapeHtml(text)}</p>
    <dl class="quiet">
      <dt>Request Id</dt><dd>${escapeHtml(error.trace_id)}</dd>
      <dt>Correlation Id</dt><dd>${escapeHtml(error.correlation_id)}</dd>
      <dt>Timestamp</dt><dd>${escapeHtml(error.timestamp)}</dd>
    </dl>`,
  );
}

/** `response_mode=form_post`: the browser carries the answer to the application in a POST. */
export function formPostPage(redirectUri: string, fields: Readonly<Record<string, string>>): string {
  const inputs = Object.entries(fields).map(([name, value]) => hidden(name, value));
  return document(
    "Working...",
    `<form method="POST" name="hiddenform" action="${escapeHtml(redirectUri)}">
      ${inputs.join("\n      ")}
      <noscript><p>Script is disabled. Click Submit to continue.</p><button class="primary">Submit</button></noscript>
    </form>
    <script>document.forms[0].submit();</script>`,
  );
}

function form({ action, ctx }: PageForm, content: string): string {
  return `<form method="POST" action="${escapeHtml(action)}">${hidden("ctx", ctx)}${content}</form>`;
}

function hidden(name: string, value: string): string {
  return `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`;
}

function complaint(text: string | undefined): string {
  return text === undefined ? "" : `<p class="complaint" role="alert">${escapeHtml(text)}</p>`;
}

const style = `
  * { box-sizing: border-box }
  body { margin: 0; min-height: 100vh; display: flex; flex-direction: column; align-items: center; padding: 6vh 16px 32px;
    background: #eef1f6; color: #1b1b1b; font: 15px/1.5 "Segoe UI", system-ui, sans-serif }
  main { width: 100%; max-width: 440px; padding: 40px 44px; background: #fff; box-shadow: 0 2px 6px rgb(0 0 0 / 20%);
    overflow-wrap: anywhere }
  .brand { display: flex; align-items: center; gap: 8px; color: #737373; font-weight: 600 }
  .squares { width: 18px; height: 18px; background: conic-gradient(#7fba00 25%, #ffb900 0 50%, #00a4ef 0 75%, #f25022 0) }
  h1 { margin: 16px 0 12px; font-size: 24px; line-height: 1.2; font-weight: 600 }
  .quiet { color: #616161; font-size: 13px }
  .complaint { color: #c50f1f }
  .tile { display: flex; gap: 12px; align-items: center; width: 100%; padding: 12px; border: 0;
    border-bottom: 1px solid #ddd; background: none; text-align: left; font: inherit; cursor: pointer }
  .tile:hover, .tile:focus-visible { background: #f2f2f2 }
  .avatar { flex: none; width: 36px; height: 36px; border-radius: 50%; background: #0067b8; color: #fff; display: grid;
    place-items: center; font-weight: 600 }
  label { display: block; margin-top: 20px }
  input[type=email] { width: 100%; padding: 6px 0; border: 0; border-bottom: 1px solid #616161; font: inherit }
  .permissions { list-style: none; padding: 0 }
  .permissions li { border-bottom: 1px solid #e5e5e5; padding: 8px 0 }
  summary { cursor: pointer }
  details p { margin: 4px 0 4px 16px; color: #616161; font-size: 13px }
  .actions { display: flex; justify-content: flex-end; gap: 8px; margin-top: 24px }
  .actions button, noscript button { min-width: 108px; padding: 6px 12px; border: 0; background: #ddd; font: inherit;
    cursor: pointer }
  .actions .primary, noscript .primary { background: #0067b8; color: #fff }
  .link { padding: 0; border: 0; background: none; color: #0067b8; font: inherit; cursor: pointer; text-align: left }
  dt { font-weight: 600 } dd { margin: 0 0 6px }
  .simulated { width: 100%; max-width: 440px; margin: 0 0 16px; padding: 8px 12px; background: #fff4ce; font-size: 13px;
    text-align: center }
  @media (max-width: 480px) { body { padding: 0; background: #fff } main { padding: 24px; box-shadow: none } }
`;

function document(title: string, content: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${escapeHtml(title)} (simulated)</title>
    <style>${style}</style>
  </head>
  <body>
    <p class="simulated">Simulated Microsoft sign-in. No password, no real account.</p>
    <main>
    <div class="brand"><span class="squares"></span>Microsoft</div>
    <h1>${escapeHtml(title)}</h1>
    ${content}
    </main>
  </body>
</html>
`;
}
