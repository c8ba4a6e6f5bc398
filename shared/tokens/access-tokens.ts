import { AppError, codeOf, RowChangedError } from "../platform/errors.ts";

import { errorFields, type Log } from "../telemetry/log.ts";
import { concernsEveryMailbox, EntraError, mayBeTheToken, remedyFor } from "./entra-errors.ts";
import { isDueForSaving, isUsable, REFRESH_TOKEN_LIFE_MS, refreshBackoffMs, refreshTime } from "./expiry.ts";
import { type GrantChanges, type GrantStore, newGeneration, type StoredGrant, secretNameOf } from "./grant.ts";
import type { TokenAnswer, TokenEndpoint } from "./token-endpoint.ts";
import type { TokenSealer } from "./token-sealer.ts";

/** A lease outlasts the slowest refresh: two tries at Entra and the writes. A crash is over after this long. */
const LEASE_MS = 90_000;
/** More than 500 versions of a secret break its backup; then a new name is begun. https://learn.microsoft.com/azure/key-vault/general/backup */
const VERSIONS_LIMIT = 400;
/** A token from memory is good for the requests of a run; then the row is asked again, which a new consent may have changed. */
const MEMORY_MS = 60_000;
/** How often a caller without a usable token looks whether the run that refreshes is done. */
const LEASE_POLL_MS = 500;
/** How long it looks, in real time, before it gives up until the next tick. */
const LEASE_POLLS = 60;

const NO_CONSENT = "No consent is stored for this mailbox. Its owner must connect it.";
const REFUSED_BEFORE = "Microsoft has refused the consent for this mailbox. Its owner must connect it again.";

/** The grant is dead until somebody consents (CONSENT_REQUIRED) or an administrator allows it (ADMIN_REQUIRED). */
export class GrantRefusedError extends AppError {
  override readonly name = "GrantRefusedError";
  readonly mailboxId: string;
  /** Which consent was refused; undefined where there is none. A newer consent is not concerned. */
  readonly generation: string | undefined;

  constructor(
    code: "CONSENT_REQUIRED" | "ADMIN_REQUIRED",
    mailboxId: string,
    generation: string | undefined,
    options: ErrorOptions & { readonly remedy?: string } = {},
  ) {
    const remedy = options.cause instanceof EntraError ? remedyFor(options.cause) : (options.remedy ?? NO_CONSENT);
    super(code, `Mailbox ${mailboxId}: ${remedy}`, options);
    this.mailboxId = mailboxId;
    this.generation = generation;
  }
}

/** Hears whether Entra accepts the application itself, which concerns every mailbox at once. */
export interface AppHealth {
  /**
   * Why Entra is not to be asked now; `undefined` where it may be. While it refuses the application, one caller at a
   * time tries again, and the others need not.
   */
  misconfiguration(): Promise<AppError | undefined>;
  refused(error: AppError): Promise<void>;
  /** Law 5: a refusal that may be one tenant's fault; nobody is told before a second tenant, or a check, confirms it. */
  suspected(error: AppError, tenantId: string): Promise<void>;
  accepted(): Promise<void>;
}

export interface AccessTokensDeps {
  readonly appHealth: AppHealth;
  readonly grants: GrantStore;
  readonly endpoint: TokenEndpoint;
  readonly sealer: TokenSealer;
  /** A newer refresh token is stored once the stored one is older than this; 0 stores each. */
  readonly saveAfterMs: number;
  readonly log: Log;
  readonly now: () => Date;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

/** A token that Graph did not accept. */
interface RejectedToken {
  readonly value: string;
  /** What the next token must prove, as JSON. https://learn.microsoft.com/entra/identity-platform/claims-challenge */
  readonly claims: string | undefined;
}

export interface AccessTokens {
  /**
   * An access token for the mailbox, good for some minutes at least; renewed ahead of its end.
   * @param rejected a token that Graph just refused: it is not given again, and the next one proves what Graph asked for
   * @throws {GrantRefusedError} somebody must consent or allow
   * @throws {EntraError} APP_MISCONFIGURED: our registration; ENTRA_UNAVAILABLE: passes by itself
   * @throws {AppError} TOKEN_UNAVAILABLE: another run is at it, or the last try failed a moment ago; passes by itself
   */
  accessTokenFor(mailboxId: string, rejected?: RejectedToken): Promise<string>;
  /**
   * Renews the grant whether it is due or not, and so keeps an idle mailbox connected.
   * Throws as `accessTokenFor` does, but also where a token in hand would still serve.
   */
  renew(mailboxId: string): Promise<void>;
}

interface Held {
  readonly value: string;
  readonly expiresAt: Date;
  readonly refreshAt: Date;
}

/** What a caller wants: any usable token, one other than the rejected, or a renewal whatever there is. */
interface Wish {
  readonly rejected: RejectedToken | undefined;
  readonly renew: boolean;
}

/** Access tokens from memory, from the sealed one in the row, or by a refresh under the row's lease. */
export function createAccessTokens(deps: AccessTokensDeps): AccessTokens {
  const { grants, endpoint, sealer, appHealth, log, now, random, sleep } = deps;
  const memory = new Map<string, { readonly held: Held; readonly until: number }>();
  const pending = new Map<string, Promise<string>>();

  const isFresh = (held: Held, wish: Wish) =>
    !wish.renew && held.value !== wish.rejected?.value && now() < held.refreshAt;
  const serves = (held: Held | undefined, wish: Wish): held is Held =>
    held !== undefined && !wish.renew && held.value !== wish.rejected?.value && isUsable(held.expiresAt, now());

  function remember(mailboxId: string, held: Held): void {
    memory.set(mailboxId, { held, until: now().getTime() + MEMORY_MS });
  }

  async function heldIn(grant: StoredGrant): Promise<Held | undefined> {
    if (grant.accessToken === undefined) return undefined;
    const value = await sealer.open(grant.mailboxId, grant.accessToken);
    return value === undefined ? undefined : { value, expiresAt: grant.expiresAt, refreshAt: grant.refreshAt };
  }

  async function obtain(mailboxId: string, wish: Wish): Promise<string> {
    for (let poll = 0; poll < LEASE_POLLS; poll += 1) {
      const grant = await grants.read(mailboxId);
      if (grant === undefined) throw new GrantRefusedError("CONSENT_REQUIRED", mailboxId, undefined);
      if (grant.refused) {
        throw new GrantRefusedError("CONSENT_REQUIRED", mailboxId, grant.generation, { remedy: REFUSED_BEFORE });
      }

      const held = await heldIn(grant);
      if (held !== undefined && isFresh(held, wish)) {
        remember(mailboxId, held);
        return held.value;
      }
      const leasedElsewhere = grant.leaseUntil !== undefined && now() < grant.leaseUntil;
      if (leasedElsewhere) {
        if (serves(held, wish)) return held.value;
        await sleep(LEASE_POLL_MS * (0.5 + random()));
        continue;
      }
      if (grant.nextAttemptAt !== undefined && now() < grant.nextAttemptAt && !wish.renew) {
        if (serves(held, wish)) return held.value;
        throw new AppError(
          "TOKEN_UNAVAILABLE",
          `No access token for mailbox ${mailboxId}: the last ${grant.failures} refresh(es) failed; the next try is at ${grant.nextAttemptAt.toISOString()}`,
        );
      }
      const misconfigured = await appHealth.misconfiguration();
      if (misconfigured !== undefined) {
        if (serves(held, wish)) return held.value;
        throw misconfigured;
      }
      const leased = await lease(grant);
      if (leased === undefined) continue;
      try {
        return await refresh(leased, wish);
      } catch (error) {
        if (error instanceof RowChangedError) continue;
        // Ahead of its end, a refresh that fails costs nothing: the token in hand serves.
        if (serves(held, wish) && !(error instanceof GrantRefusedError)) return held.value;
        throw error;
      }
    }
    throw new AppError(
      "TOKEN_UNAVAILABLE",
      `No access token for mailbox ${mailboxId}: another run has been refreshing it for too long`,
    );
  }

  async function lease(grant: StoredGrant): Promise<StoredGrant | undefined> {
    try {
      return await grants.update(grant, { leaseUntil: new Date(now().getTime() + LEASE_MS) });
    } catch (error) {
      if (error instanceof RowChangedError) return undefined;
      throw error;
    }
  }

  async function refresh(grant: StoredGrant, wish: Wish): Promise<string> {
    const issued = now();
    let answer: TokenAnswer;
    let usedVersion: string;
    try {
      ({ answer, usedVersion } = await askEntra(grant, wish));
    } catch (error) {
      await recordFailure(grant, error);
      throw error instanceof EntraError ? toRefusal(error, grant) : error;
    }
    try {
      return await keep(grant, answer, usedVersion, issued, wish);
    } catch (error) {
      if (error instanceof RowChangedError) throw error;
      // A new consent takes the old secret away: then its grant serves, and this refresh is of no interest any more.
      if ((await grants.read(grant.mailboxId))?.etag !== grant.etag) {
        throw new RowChangedError(`The grant of mailbox ${grant.mailboxId}`, { cause: error });
      }
      await giveBack(grant);
      throw error;
    }
  }

  async function keep(
    grant: StoredGrant,
    answer: TokenAnswer,
    usedVersion: string,
    issued: Date,
    wish: Wish,
  ): Promise<string> {
    const changes: GrantChanges = {
      accessToken: await sealer.seal(grant.mailboxId, answer.accessToken),
      expiresAt: new Date(issued.getTime() + answer.lifeSeconds * 1_000),
      refreshAt: refreshTime(issued, answer.lifeSeconds, answer.refreshInSeconds, random()),
      failures: 0,
      nextAttemptAt: undefined,
      leaseUntil: undefined,
      secretVersion: usedVersion,
      ...(await saveIfDue(grant, answer, issued, wish)),
    };
    const updated = await grants.update(grant, changes);
    await retireBefore(grant, updated);
    const held = { value: answer.accessToken, expiresAt: updated.expiresAt, refreshAt: updated.refreshAt };
    remember(grant.mailboxId, held);
    log.info("token refreshed", {
      mailboxId: grant.mailboxId,
      expiresAt: held.expiresAt,
      lifeSeconds: answer.lifeSeconds,
      nextRefreshAt: held.refreshAt,
    });
    await appHealth.accepted();
    return held.value;
  }

  /** Others need not wait for the lease to run out; if this fails too, they do. */
  async function giveBack(grant: StoredGrant): Promise<void> {
    try {
      await grants.update(grant, { leaseUntil: undefined });
    } catch (error) {
      log.warn("token refresh failed", { mailboxId: grant.mailboxId, ...errorFields(error) });
    }
  }

  /** Law 4: Key Vault first, the row that points at it second; a crash in between leaves a version too many, never one too few. */
  async function saveIfDue(grant: StoredGrant, answer: TokenAnswer, issued: Date, wish: Wish): Promise<GrantChanges> {
    // Law 4: an answer without a refresh token leaves the stored one as it is.
    if (answer.refreshToken === undefined) return {};
    // After a step-up the old refresh token may no longer do: the new one has proved more.
    const isAskedFor = wish.renew || wish.rejected?.claims !== undefined;
    if (!isAskedFor && !isDueForSaving(grant.refreshTokenSavedAt, issued, deps.saveAfterMs)) return {};
    const endsAt = new Date(issued.getTime() + REFRESH_TOKEN_LIFE_MS);
    const isFull = grant.secretVersions >= VERSIONS_LIMIT;
    const secretName = isFull ? secretNameOf(grant.mailboxId, newGeneration()) : grant.secretName;
    let secretVersion: string;
    try {
      secretVersion = await grants.saveRefreshToken(secretName, answer.refreshToken, endsAt);
    } catch (error) {
      if (isAskedFor) throw error;
      // The stored one is good for weeks, and the access token must not be lost over this: the next refresh saves.
      log.error("refresh token not saved", { mailboxId: grant.mailboxId, ...errorFields(error) });
      return {};
    }
    log.info("refresh token saved", { mailboxId: grant.mailboxId, endsAt });
    return {
      secretName,
      secretVersion,
      secretVersionBefore: isFull ? "" : grant.secretVersion,
      secretVersions: isFull ? 1 : grant.secretVersions + 1,
      refreshTokenSavedAt: issued,
    };
  }

  /**
   * The last two versions stay usable; what came before is disabled, once the row no longer points at it. A failure
   * leaves a version enabled that ends by itself.
   */
  async function retireBefore(before: StoredGrant, now: StoredGrant): Promise<void> {
    try {
      if (now.secretName !== before.secretName) await grants.forgetRefreshToken(before.secretName);
      else if (now.secretVersionBefore !== before.secretVersionBefore && before.secretVersionBefore !== "") {
        await grants.disableRefreshToken(before.secretName, before.secretVersionBefore);
      }
    } catch (error) {
      log.warn("old refresh token kept", { mailboxId: now.mailboxId, ...errorFields(error) });
    }
  }

  /**
   * Asks with the refresh token that the row points at. A final no counts only after a second try with whatever the
   * vault holds as newest by then: a crash may have left it ahead of the row, a damaged value may have a good one beside
   * it, and Entra errs at times (https://github.com/BingAds/BingAds-Python-SDK/issues/279).
   */
  async function askEntra(grant: StoredGrant, wish: Wish): Promise<{ answer: TokenAnswer; usedVersion: string }> {
    if (grant.kind === "application") return askAsApplication(grant, wish);
    const stored = await grants.refreshToken(grant.secretName, grant.secretVersion);
    try {
      return await ask(grant, wish, stored ?? (await newestOf(grant)));
    } catch (first) {
      if (!(first instanceof EntraError && mayBeTheToken(first))) throw first;
      return await askAgain(grant, wish, first);
    }
  }

  /** Law 5: only where both answers say that the owner must act does the second one stand. */
  async function askAgain(grant: StoredGrant, wish: Wish, first: EntraError) {
    try {
      return await ask(grant, wish, await newestOf(grant));
    } catch (second) {
      const isFinal = second instanceof EntraError && second.class === "owner";
      throw isFinal && first.class !== "owner" ? first : second;
    }
  }

  /** Law 5: there is no other token to try with, but Entra errs here as well; a final no must come twice. */
  async function askAsApplication(
    grant: StoredGrant,
    wish: Wish,
  ): Promise<{ answer: TokenAnswer; usedVersion: string }> {
    const request = { tenant: grant.tenantId, claims: wish.rejected?.claims };
    const usedVersion = "";
    try {
      return { answer: await endpoint.applicationToken(request), usedVersion };
    } catch (error) {
      if (!(error instanceof EntraError && mayBeTheToken(error))) throw error;
      return { answer: await endpoint.applicationToken(request), usedVersion };
    }
  }

  async function newestOf(grant: StoredGrant): Promise<{ value: string; version: string }> {
    const newest = await grants.refreshToken(grant.secretName);
    if (newest !== undefined) return newest;
    // Not Entra's word, so it is not for the owner to fix: whoever deleted or disabled the secret can bring it back.
    throw new AppError(
      "TOKEN_UNAVAILABLE",
      `Key Vault holds no usable refresh token under ${grant.secretName}: recover or enable the secret there, or connect the mailbox again`,
    );
  }

  async function ask(grant: StoredGrant, wish: Wish, { value, version }: { value: string; version: string }) {
    const { tenantId: tenant, scopes } = grant;
    const answer = await endpoint.refresh({ tenant, refreshToken: value, scopes, claims: wish.rejected?.claims });
    return { answer, usedVersion: version };
  }

  async function recordFailure(grant: StoredGrant, error: unknown): Promise<void> {
    const failures = grant.failures + 1;
    const refusal = error instanceof EntraError ? error : undefined;
    log.warn("token refresh failed", {
      mailboxId: grant.mailboxId,
      failures,
      class: refusal?.class,
      aadsts: refusal?.answer.codes.join(","),
      traceId: refusal?.traceId,
      correlationId: refusal?.correlationId,
      ...errorFields(error),
    });
    // Law 5: what is wrong with our own application is the app's alarm, and changes no mailbox.
    if (error instanceof AppError) {
      const concerns = concernsEveryMailbox(error);
      if (concerns === "yes") await appHealth.refused(error);
      if (concerns === "perhaps") await appHealth.suspected(error, grant.tenantId);
    }
    // Whoever says no to a grant has accepted the application that asked.
    if (refusal?.class === "owner" || refusal?.class === "tenant-admin") await appHealth.accepted();
    // A service that is down is left alone for a while; a credential of ours that was put right must work at once.
    const isOutage = ["ENTRA_UNAVAILABLE", "KEY_VAULT_UNAVAILABLE"].includes(codeOf(error));
    const wait = refreshBackoffMs(failures, refusal?.retryAfterMs);
    await grants.update(grant, {
      failures,
      leaseUntil: undefined,
      refused: refusal?.class === "owner" && grant.kind === "owner",
      claims: refusal?.claims,
      nextAttemptAt: isOutage ? new Date(now().getTime() + wait) : undefined,
    });
  }

  function once(mailboxId: string, wish: Wish): Promise<string> {
    const key = JSON.stringify([mailboxId, wish]);
    let running = pending.get(key);
    if (running === undefined) {
      running = obtain(mailboxId, wish).finally(() => pending.delete(key));
      pending.set(key, running);
    }
    return running;
  }

  return {
    async accessTokenFor(mailboxId, rejected) {
      const wish = { rejected, renew: false };
      const known = memory.get(mailboxId);
      if (known !== undefined && now().getTime() < known.until && isFresh(known.held, wish)) return known.held.value;
      return once(mailboxId, wish);
    },
    async renew(mailboxId) {
      await once(mailboxId, { rejected: undefined, renew: true });
    },
  };
}

function toRefusal(error: EntraError, grant: StoredGrant): AppError {
  switch (error.class) {
    case "owner":
      // Nobody signed in for an application's grant, so nobody can do it again: it is the administrator's.
      return new GrantRefusedError(
        grant.kind === "owner" ? "CONSENT_REQUIRED" : "ADMIN_REQUIRED",
        grant.mailboxId,
        grant.generation,
        { cause: error },
      );
    case "tenant-admin":
      return new GrantRefusedError("ADMIN_REQUIRED", grant.mailboxId, grant.generation, { cause: error });
    case "app":
    case "passing":
      return error;
  }
}
