import { randomUUID } from "node:crypto";
import { type Answer, html, type SeenRequest } from "../stand-in.ts";
import {
  type AuthorizationRequest,
  type ReplyAddress,
  readAuthorizationRequest,
  readReplyAddress,
} from "./entra-authorization-request.ts";
import { type Account, applicationName, type Directory } from "./entra-directory.ts";
import { EntraError, entraErrorBody } from "./entra-errors.ts";
import { accountPage, approvalPage, consentPage, errorPage, formPostPage, signedOutPage } from "./entra-pages.ts";
import type { Permission, Scope } from "./entra-permissions.ts";
import type { Tokens } from "./entra-tokens.ts";

/** More than these are reached by typing the name. */
const ACCOUNTS_LISTED = 12;

/** The pages a person meets between the application's redirect to Entra and Entra's redirect back. */
interface SignInPages {
  /** `GET /{tenant}/oauth2/v2.0/authorize` */
  authorize(request: SeenRequest, segment: string): Answer;
  /** `POST /{tenant}/login`: an account was picked. */
  login(request: SeenRequest, segment: string): Answer;
  /** `POST /{tenant}/Consent/Set`: consent was given or not. */
  decide(request: SeenRequest, segment: string): Answer;
}

export interface SignInOptions {
  readonly directory: Directory;
  readonly tokens: Tokens;
  requiresAdminApproval(): boolean;
}

interface Visit {
  readonly asked: AuthorizationRequest;
  readonly account?: Account;
}

export function createSignInPages({ directory, tokens, requiresAdminApproval }: SignInOptions): SignInPages {
  const visits = new Map<string, Visit>();

  function authorize({ query, headers }: SeenRequest, segment: string): Answer {
    const clientId = query.get("client_id") ?? "";
    if (clientId === "") throw new EntraError(900144, { name: "client_id" });
    const tenant = directory.tenantInPath(segment);
    const application = directory.applicationFor(clientId, tenant, segment);
    const reply = readReplyAddress(query, application);
    try {
      const asked = readAuthorizationRequest(query, reply, { application, tenant, segment });
      // There is no session that a silent sign-in could use.
      if (asked.prompt === "none") throw new EntraError(50058);
      const ctx = randomUUID();
      visits.set(ctx, { asked });
      const known = directory.account(sessionIn(headers) ?? "");
      const isFree = asked.prompt === undefined && asked.loginHint === undefined;
      return known !== undefined && isFree ? goOn(ctx, asked, known) : showAccounts(ctx, asked);
    } catch (error) {
      if (error instanceof EntraError) return replyWithError(reply, error);
      throw error;
    }
  }

  function showAccounts(ctx: string, asked: AuthorizationRequest, complaint?: string): Answer {
    const { application, segment, loginHint, prompt } = asked;
    const hinted = loginHint === undefined ? undefined : directory.accountNamed(loginHint);
    // login_hint does not go with select_account.
    const accounts = hinted && prompt !== "select_account" ? [hinted] : directory.accounts.slice(0, ACCOUNTS_LISTED);
    const page = accountPage({
      form: { action: `/${segment}/login`, ctx },
      application: applicationName(application),
      accounts,
      ...(loginHint !== undefined && hinted === undefined && { userName: loginHint }),
      ...(complaint !== undefined && { complaint }),
    });
    return html(200, page);
  }

  function visitOf({ form }: SeenRequest): [ctx: string, visit: Visit] {
    const ctx = form.get("ctx") ?? "";
    const visit = visits.get(ctx);
    if (visit === undefined) throw new EntraError(50089);
    return [ctx, visit];
  }

  function login(request: SeenRequest): Answer {
    const [ctx, { asked }] = visitOf(request);
    const picked = request.form.get("account");
    const account =
      picked === null ? directory.accountNamed(request.form.get("userName") ?? "") : directory.account(picked);
    if (account === undefined) {
      return showAccounts(
        ctx,
        asked,
        "This username may be incorrect. Make sure you typed it correctly. Otherwise, contact your admin.",
      );
    }
    const answer = goOn(ctx, asked, account);
    return { ...answer, headers: { ...answer.headers, "set-cookie": sessionCookie(account.oid) } };
  }

  function goOn(ctx: string, asked: AuthorizationRequest, account: Account): Answer {
    checkAccount(account, asked);
    visits.set(ctx, { asked, account });
    return needsConsent(asked, account) ? askForConsent(ctx, asked, account) : finish(ctx, asked, account);
  }

  function checkAccount(account: Account, { application, segment, tenant }: AuthorizationRequest): void {
    const { userName, tenantId: homeTenant } = account;
    if (account.disabled) throw new EntraError(50057);
    if (tenant !== undefined && tenant.id !== homeTenant) {
      const { clientId } = application;
      const name = applicationName(application);
      throw new EntraError(50020, { userName, homeTenant, tenant: segment, clientId, application: name });
    }
  }

  function needsConsent({ application, scopes, prompt }: AuthorizationRequest, { oid }: Account): boolean {
    const consented = directory.consented(application.clientId, oid);
    return prompt === "consent" || scopes.some(({ name }) => !consented.has(name));
  }

  function askForConsent(ctx: string, asked: AuthorizationRequest, account: Account): Answer {
    const page = {
      form: { action: `/${asked.segment}/Consent/Set`, ctx },
      application: applicationName(asked.application),
      account,
    };
    if (requiresAdminApproval()) return html(200, approvalPage(page));
    return html(200, consentPage({ ...page, permissions: permissionsOf(asked.scopes) }));
  }

  function decide(request: SeenRequest): Answer {
    const [ctx, { asked, account }] = visitOf(request);
    if (account === undefined) throw new EntraError(50089);
    const decision = request.form.get("decision");
    if (decision !== "accept" || requiresAdminApproval()) {
      visits.delete(ctx);
      const application = applicationName(asked.application);
      if (decision === "cancel") return replyWithError(asked, new EntraError(65004), { error_subcode: "cancel" });
      // Not documented: the application is taken to hear the error that the page is about.
      return replyWithError(asked, new EntraError(90094, { application }));
    }
    const names = asked.scopes.map(({ name }) => name);
    directory.consent(asked.application.clientId, account.oid, names);
    return finish(ctx, asked, account);
  }

  function finish(ctx: string, asked: AuthorizationRequest, account: Account): Answer {
    visits.delete(ctx);
    if (asked.responseType === "id_token") {
      const idToken = tokens.issueIdToken(account, asked.application, asked.nonce);
      return replyTo(asked, { id_token: idToken, ...stateOf(asked), session_state: randomUUID() });
    }
    const { scope, redirectUri, nonce, codeChallenge, codeChallengeMethod } = asked;
    const code = tokens.issueCode({
      clientId: asked.application.clientId,
      oid: account.oid,
      scope,
      redirectUri,
      nonce,
      codeChallenge,
      codeChallengeMethod,
    });
    return replyTo(asked, { code, ...stateOf(asked), session_state: randomUUID() });
  }

  return { authorize, login, decide };
}

/**
 * Single sign-on: a browser keeps who signed in, and is not asked again where the application leaves it open who comes.
 * https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow#request-an-authorization-code (prompt)
 */
const SESSION_COOKIE = "ESTSAUTH";

function sessionCookie(oid: string): string {
  return `${SESSION_COOKIE}=${oid}; path=/; httponly; samesite=lax`;
}

function sessionIn({ cookie = "" }: SeenRequest["headers"]): string | undefined {
  return new RegExp(`(?:^|; )${SESSION_COOKIE}=([\\w-]+)`).exec(cookie)?.[1];
}

/** Ends the browser's session. */
export function signOutAnswer(): Answer {
  return html(200, signedOutPage(), { "set-cookie": `${SESSION_COOKIE}=; path=/; max-age=0` });
}

/** A refusal that Entra shows itself. */
export function errorPageAnswer(error: EntraError): Answer {
  // A browser shows the page whatever the status is.
  return html(400, errorPage(entraErrorBody(error)));
}

function replyWithError(reply: ReplyAddress, error: EntraError, more: Readonly<Record<string, string>> = {}): Answer {
  const body = entraErrorBody(error);
  return replyTo(reply, {
    error: body.error,
    ...more,
    error_description: body.error_description,
    error_uri: body.error_uri,
    ...stateOf(reply),
  });
}

function stateOf({ state }: ReplyAddress): { state?: string } {
  return state === undefined ? {} : { state };
}

function replyTo({ redirectUri, responseMode }: ReplyAddress, fields: Readonly<Record<string, string>>): Answer {
  if (responseMode === "form_post") return html(200, formPostPage(redirectUri, fields));
  const address = new URL(redirectUri);
  for (const [name, value] of Object.entries(fields)) address.searchParams.set(name, value);
  return { status: 302, headers: { location: address.href, "cache-control": "no-store, no-cache" } };
}

function permissionsOf(scopes: readonly Scope[]): readonly Permission[] {
  return scopes.flatMap(({ permission }) => (permission === undefined ? [] : [permission]));
}
