import { createHash, randomBytes } from "node:crypto";
import { AppError } from "../platform/errors.ts";
import type { Log } from "../telemetry/log.ts";
import { errorFields } from "../telemetry/log.ts";
import { type ConsentRefusal, type ConsentResult, refusalOf } from "./consent-result.ts";
import { EntraError } from "./entra-errors.ts";
import { REFRESH_TOKEN_LIFE_MS, refreshTime } from "./expiry.ts";
import { type Grant, type GrantKind, type GrantStore, newGeneration, secretNameOf } from "./grant.ts";
import { mailScopes, missingScopes, SIGN_IN_SCOPES } from "./mail-scopes.ts";
import type { PendingConsent, PendingConsents } from "./pending-consents-table.ts";
import type { TokenAnswer, TokenEndpoint } from "./token-endpoint.ts";
import type { TokenSealer } from "./token-sealer.ts";

/** A person has this long between leaving for Microsoft and coming back. */
const CONSENT_LIFE_MS = 10 * 60_000;
/** Used and expired rows, and the cookie, outlive that, so that a late or repeated answer gets the right message. */
const CONSENT_KEPT_MS = 24 * 3_600_000;

/**
 * Sign-ins by one invitation within the life of a sign-in. Each is kept for a day, and whoever has the link can begin one:
 * a person needs a few, and the owners of a group mailbox some more.
 */
const SIGN_INS_BY_INVITATION = 20;

/** Names the way back of an administrator who approved for the organisation. It opens nothing, so it is no secret. */
const APPROVAL_STATE = "organisation-approval";

/** The mailbox that somebody connects. */
export interface ConsentSubject {
  readonly mailboxId: string;
  readonly address: string;
  /** Whether messages are marked or moved after delivery; without it, reading suffices. */
  readonly writes: boolean;
  readonly kind: GrantKind;
}

/** Sets the browser on its way. The cookie binds the answer to this browser. */
export interface ConsentStart {
  readonly location: URL;
  readonly cookie: ConsentCookie;
}

export interface ConsentCookie {
  readonly name: `__Host-${string}`;
  readonly value: string;
  readonly maxAgeSeconds: number;
}

/** What Microsoft's answer brought along. */
interface ConsentCallback {
  readonly parameters: URLSearchParams;
  /** Gives a cookie of the request. */
  readonly cookie: (name: string) => string | undefined;
}

export interface ConsentDeps {
  readonly pending: PendingConsents;
  readonly endpoint: TokenEndpoint;
  readonly grants: GrantStore;
  readonly sealer: TokenSealer;
  readonly redirectUrl: string;
  /** Restricts sign-in to this tenant; undefined takes the one of the mailbox's domain. */
  readonly tenant: string | undefined;
  /** Looks a mailbox up by its id; `undefined` where it was removed meanwhile. */
  readonly subject: (mailboxId: string) => Promise<ConsentSubject | undefined>;
  /** Tries the mailbox with the new token; gives what is missing, or `undefined` where it opens. */
  readonly cannotOpen: (mailboxId: string, accessToken: string) => Promise<string | undefined>;
  /** With the new token: the name under which another mailbox has the same folder; `undefined` where none has. */
  readonly sameFolder: (mailboxId: string, accessToken: string) => Promise<string | undefined>;
  /** True for the one sign-in that an invitation is good for. */
  readonly useInvitation: (key: string) => Promise<boolean>;
  /** Makes an invitation good again whose sign-in could not be stored. */
  readonly releaseInvitation: (key: string) => Promise<void>;
  readonly log: Log;
  readonly now: () => Date;
  readonly random: () => number;
}

/** Where a grant comes from: the part of it that differs between an owner's and an application's. */
type GrantOrigin = Pick<
  Grant,
  "kind" | "objectId" | "userName" | "scopes" | "secretName" | "secretVersion" | "secretVersions"
>;

/** A sign-in of a mailbox that came to its end, this way or that. */
type Settled = Exclude<ConsentResult, { kind: "approval-ended" }>;

export interface Consents {
  /**
   * @param anyAccount whether another account than the one before may connect the mailbox
   * @param invitation the key of the invitation that the person came by
   * @throws {AppError} TOO_MANY_SIGN_INS by one invitation within ten minutes
   */
  start(subject: ConsentSubject, anyAccount?: boolean, invitation?: string): Promise<ConsentStart>;
  /** Connects without a page: for an application whose permissions an administrator has granted already. */
  connectGranted(subject: ConsentSubject): Promise<Settled>;
  /** Never throws for what a person or Microsoft can answer; throws where storage or Graph is away. */
  finish(callback: ConsentCallback): Promise<ConsentResult>;
  /** Removes the rows of sign-ins that are over. */
  purge(): Promise<number>;
}

/** The authorization code flow with PKCE, state and nonce. https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow */
export function createConsents(deps: ConsentDeps): Consents {
  const { pending, endpoint, grants, sealer, now, log } = deps;

  async function start(subject: ConsentSubject, anyAccount = false, invitation = ""): Promise<ConsentStart> {
    if (invitation !== "") await refuseCrowd(invitation);
    const tenantId = await endpoint.tenantId(deps.tenant ?? domainOf(subject.address));
    const { mailboxId, kind } = subject;
    const state = secret();
    const key = hash(state);
    const codeVerifier = secret();
    const nonce = secret();
    const location =
      kind === "application"
        ? endpoint.adminConsentUrl({ tenant: tenantId, redirectUrl: deps.redirectUrl, state })
        : await ownerConsentUrl(subject, anyAccount, { tenantId, state, nonce, codeVerifier });
    const consent = { mailboxId, kind, tenantId, codeVerifier, nonce, anyAccount, invitation, startedAt: now() };
    await pending.add(key, consent);
    log.info("consent started", { mailboxId, tenantId, kind });
    return { location, cookie: { name: cookieName(key), value: key, maxAgeSeconds: CONSENT_KEPT_MS / 1_000 } };
  }

  async function refuseCrowd(invitation: string): Promise<void> {
    const since = new Date(now().getTime() - CONSENT_LIFE_MS);
    if ((await pending.countByInvitation(invitation, since)) < SIGN_INS_BY_INVITATION) return;
    throw new AppError(
      "TOO_MANY_SIGN_INS",
      "This link was followed to Microsoft too often just now. Wait ten minutes and open it again: it is as good as before.",
    );
  }

  async function ownerConsentUrl(
    subject: ConsentSubject,
    anyAccount: boolean,
    { tenantId, ...request }: { tenantId: string; state: string; nonce: string; codeVerifier: string },
  ): Promise<URL> {
    const before = await grants.read(subject.mailboxId);
    return endpoint.authorizationUrl({
      ...request,
      tenant: tenantId,
      redirectUrl: deps.redirectUrl,
      scopes: [...SIGN_IN_SCOPES, ...mailScopes(subject)],
      loginHint: anyAccount ? undefined : before?.userName || undefined,
      claims: before?.claims,
    });
  }

  const finish = async (callback: ConsentCallback) => logged(await judge(callback));

  function logged<Result extends ConsentResult>(result: Result): Result {
    if (result.kind === "refused") {
      const { reason, mailboxId } = result;
      log.warn("consent refused", { mailboxId, reason, error: "error" in result ? result.error : undefined });
    }
    return result;
  }

  async function judge({ parameters, cookie }: ConsentCallback): Promise<ConsentResult> {
    const state = parameters.get("state");
    if (state === APPROVAL_STATE) return { kind: "approval-ended" };
    if (!state) return { kind: "refused", mailboxId: undefined, reason: "no-state" };
    const key = hash(state);
    // First the browser, so that somebody else's answer cannot use up a state that is still waited for.
    if (cookie(cookieName(key)) !== key) {
      return { kind: "refused", mailboxId: undefined, reason: "other-browser" };
    }
    const taken = await pending.take(key);
    if (taken.kind === "unknown") return { kind: "refused", mailboxId: undefined, reason: "unknown-state" };
    if (taken.kind === "used-already") return { kind: "refused", mailboxId: undefined, reason: "used-state" };

    const settled = await conclude(taken.consent, parameters);
    return taken.consent.invitation === "" ? settled : { ...settled, invited: true };
  }

  async function conclude(consent: PendingConsent, parameters: URLSearchParams): Promise<Settled> {
    const refuse = refusing(consent.mailboxId);
    if (now().getTime() - consent.startedAt.getTime() > CONSENT_LIFE_MS) return refuse({ reason: "expired-state" });
    const error = parameters.get("error");
    const subject = await deps.subject(consent.mailboxId);
    if (subject === undefined) return { kind: "refused", mailboxId: undefined, reason: "mailbox-removed" };
    if (error) return refuse(refusalOf(error, parameters, approvalUrl(subject, consent.tenantId)));
    if (consent.kind === "application") return connectApplication(subject, consent.tenantId, consent.invitation);
    return connectOwner(subject, consent, parameters.get("code"));
  }

  /** For an organisation that lets only its administrators approve: they do it once, for everybody. */
  function approvalUrl(subject: ConsentSubject, tenant: string): string {
    const scopes = [...SIGN_IN_SCOPES, ...mailScopes(subject)];
    const { redirectUrl } = deps;
    return endpoint.adminConsentUrl({ tenant, redirectUrl, state: APPROVAL_STATE, scopes }).href;
  }

  async function connectOwner(subject: ConsentSubject, consent: PendingConsent, code: string | null) {
    const refuse = refusing(subject.mailboxId);
    if (!code) return refuse({ reason: "no-code" });
    const issued = now();
    const { tenantId: tenant, nonce, codeVerifier, anyAccount } = consent;
    const request = { tenant, redirectUrl: deps.redirectUrl, code, nonce, codeVerifier };
    const answer = await unlessRefused(subject.mailboxId, () => endpoint.redeemCode(request));
    if ("reason" in answer) return refuse(answer);

    if (answer.tenantId.toLowerCase() !== consent.tenantId.toLowerCase()) return refuse({ reason: "other-tenant" });
    const before = await grants.read(subject.mailboxId);
    const isOther = before?.kind === "owner" && before.objectId !== answer.objectId;
    if (isOther && !anyAccount) {
      const { userName } = answer;
      return refuse({ reason: "other-account", userName, userNameBefore: before.userName });
    }
    const { refreshToken } = answer;
    // Law 4: a consent without a refresh token replaces none.
    if (refreshToken === undefined) return refuse({ reason: "no-refresh-token" });
    const missing = missingScopes(mailScopes(subject), answer.scopes);
    if (missing.length > 0) return refuse({ reason: "missing-scopes", missing });
    return connect({ ...subject, invitation: consent.invitation }, answer, issued, async (generation) => {
      const secretName = secretNameOf(subject.mailboxId, generation);
      const endsAt = new Date(issued.getTime() + REFRESH_TOKEN_LIFE_MS);
      // Law 4: Key Vault first, then the row that points at it.
      const secretVersion = await grants.saveRefreshToken(secretName, refreshToken, endsAt);
      log.info("refresh token saved", { mailboxId: subject.mailboxId, endsAt });
      return {
        kind: "owner",
        objectId: answer.objectId,
        userName: answer.userName,
        scopes: ["offline_access", ...mailScopes(subject)],
        secretName,
        secretVersion,
        secretVersions: 1,
      };
    });
  }

  /**
   * What comes back in the address after an administrator's consent proves nothing. The proof is a token for the
   * mailbox's own tenant that opens the mailbox.
   */
  async function connectApplication(subject: ConsentSubject, tenantId: string, invitation = "") {
    const issued = now();
    const token = await unlessRefused(subject.mailboxId, () =>
      endpoint.applicationToken({ tenant: tenantId, claims: undefined }),
    );
    if ("reason" in token) return refusing(subject.mailboxId)(token);
    const answer = { ...token, tenantId, userName: "" };
    return connect({ ...subject, invitation }, answer, issued, async () => ({
      kind: "application",
      objectId: "",
      userName: "",
      scopes: [],
      secretName: "",
      secretVersion: "",
      secretVersions: 0,
    }));
  }

  async function unlessRefused<T>(mailboxId: string, ask: () => Promise<T>): Promise<T | ConsentRefusal> {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof EntraError)) throw error;
      log.warn("request failed", { mailboxId, traceId: error.traceId, ...errorFields(error) });
      return { reason: "token-refused", class: error.class, message: error.message };
    }
  }

  /** Tries the mailbox, stores the grant, and forgets the one before. */
  async function connect(
    subject: ConsentSubject & { readonly invitation?: string },
    answer: TokenAnswer & { readonly tenantId: string; readonly userName: string },
    issued: Date,
    store: (generation: string) => Promise<GrantOrigin>,
  ): Promise<Settled> {
    const { mailboxId, invitation = "" } = subject;
    const detail = await deps.cannotOpen(mailboxId, answer.accessToken);
    if (detail !== undefined) {
      const userName = answer.userName || "The application";
      return refusing(mailboxId)({ reason: "mailbox-not-opened", userName, detail });
    }
    // Each mail of the folder would be delivered by both.
    const folder = await deps.sameFolder(mailboxId, answer.accessToken);
    if (folder !== undefined) return refusing(mailboxId)({ reason: "same-folder", folder });
    const before = await grants.read(mailboxId);
    const generation = newGeneration();
    const origin = await store(generation);
    const grant = {
      mailboxId,
      generation,
      tenantId: answer.tenantId,
      ...origin,
      secretVersionBefore: "",
      refreshTokenSavedAt: issued,
      accessToken: await sealer.seal(mailboxId, answer.accessToken),
      expiresAt: new Date(issued.getTime() + answer.lifeSeconds * 1_000),
      refreshAt: refreshTime(issued, answer.lifeSeconds, answer.refreshInSeconds, deps.random()),
      failures: 0,
      nextAttemptAt: undefined,
      claims: undefined,
      refused: false,
      leaseUntil: undefined,
    };
    // As late as can be: what Key Vault does not take has used nothing up.
    if (invitation !== "" && !(await deps.useInvitation(invitation))) {
      if (origin.secretName !== "") await forget(origin.secretName, mailboxId);
      return refusing(mailboxId)({ reason: "used-invitation" });
    }
    await orRelease(invitation, mailboxId, grants.replace(grant));
    if (before !== undefined && before.secretName !== "") await forget(before.secretName, mailboxId);
    if ((await deps.subject(mailboxId)) === undefined) {
      // Removed while the person was signing in: nothing may stay behind.
      await grants.remove(mailboxId);
      return { kind: "refused", mailboxId: undefined, reason: "mailbox-removed" };
    }
    return { kind: "connected", mailboxId, userName: answer.userName };
  }

  async function orRelease(invitation: string, mailboxId: string, stored: Promise<unknown>): Promise<void> {
    try {
      await stored;
    } catch (error) {
      if (invitation !== "") {
        await deps.releaseInvitation(invitation).catch((reason: unknown) => {
          log.warn("request failed", { mailboxId, ...errorFields(reason) });
        });
      }
      throw error;
    }
  }

  /** The consent is stored whatever becomes of this; a token that stays behind in the vault ends by itself. */
  async function forget(secretName: string, mailboxId: string): Promise<void> {
    try {
      await grants.forgetRefreshToken(secretName);
    } catch (error) {
      log.warn("old refresh token kept", { mailboxId, secretName, ...errorFields(error) });
    }
  }

  async function connectGranted(subject: ConsentSubject): Promise<Settled> {
    const tenantId = await endpoint.tenantId(deps.tenant ?? domainOf(subject.address));
    return logged(await connectApplication(subject, tenantId));
  }

  return { start, finish, connectGranted, purge: () => pending.purge(new Date(now().getTime() - CONSENT_KEPT_MS)) };
}

const refusing =
  (mailboxId: string) =>
  (refusal: ConsentRefusal): Settled => ({ kind: "refused", mailboxId, ...refusal });

/** 256 random bits in the alphabet of URLs. */
function secret(): string {
  return randomBytes(32).toString("base64url");
}

function hash(state: string): string {
  return createHash("sha256").update(state).digest("base64url");
}

/** A name per sign-in, so that two in two tabs do not disturb each other. `__Host-` ties it to this host and to TLS. */
function cookieName(key: string): `__Host-${string}` {
  return `__Host-deskpost-consent-${key.slice(0, 8)}`;
}

function domainOf(address: string): string {
  return address.slice(address.lastIndexOf("@") + 1);
}
