import { codeWords } from "../../activity/code-words.ts";
import type { OpenCircuit } from "../../desks/circuit-breaker.ts";
import type { DeskAnswer } from "../../desks/desk.ts";
import { type DeskProbe, isAnswering, isNothingThere } from "../../desks/desk-probe.ts";
import type { StoredEntry } from "../../mail/ledger/ledger.ts";
import type { MailboxRegistry, StoredMailbox } from "../../mailboxes/mailbox.ts";
import { REFRESH_TOKEN_LIFE_MS } from "../../tokens/expiry.ts";
import type { Grant } from "../../tokens/grant.ts";
import { missingScopes } from "../../tokens/mail-scopes.ts";
import { mailboxHealth } from "../mailbox-health.ts";
import { LONG_WAIT_MS, WARN_BEFORE_END_MS } from "../thresholds.ts";
import type { CheckOptions } from "./diagnostics.ts";
import type { Check, Finding } from "./run-checks.ts";

/** Of the messages that are due first, so many are looked at for the one that has waited longest. */
const OLDEST_AMONG = 20;

export interface MailboxCheckDeps {
  readonly registry: Pick<MailboxRegistry, "lastTick" | "alarm">;
  readonly grant: (mailboxId: string) => Promise<Grant | undefined>;
  /** Whether Key Vault has the refresh token that the grant points at. */
  readonly hasRefreshToken: (grant: Grant) => Promise<boolean>;
  readonly neededScopes: (mailbox: StoredMailbox) => readonly string[];
  /** Opens the folder and reads a page of changes; gives how many entries that had. Throws where Graph refuses. */
  readonly tryMailbox: (mailbox: StoredMailbox) => Promise<number>;
  /** Whether anything answers at the desk; nothing is handed over. */
  readonly probeDesk: (mailbox: StoredMailbox) => Promise<DeskProbe>;
  readonly sendTestMessage: (mailbox: StoredMailbox) => Promise<{ readonly key: string; readonly answer: DeskAnswer }>;
  readonly openCircuits: () => Promise<readonly OpenCircuit[]>;
  readonly waiting: (mailboxId: string) => Promise<{ readonly pending: number; readonly quarantined: number }>;
  /** Messages that wait, those that are due first, and what was old when it was found behind them. */
  readonly pending: (
    mailboxId: string,
    limit: number,
  ) => Promise<readonly Pick<StoredEntry, "receivedAt" | "isBacklog">[]>;
  readonly now: () => Date;
}

/** The checks of one mailbox: its grant, the mailbox at Graph, its desk, and what waits. */
export function mailboxChecks(
  deps: MailboxCheckDeps,
  mailbox: StoredMailbox | undefined,
  { testMessage }: CheckOptions,
): Check[] {
  const { now } = deps;

  function found(): StoredMailbox {
    if (mailbox === undefined) throw new Error("The mailbox could not be read");
    return mailbox;
  }

  async function grant(): Promise<Finding> {
    const { id, access, address } = found();
    const stored = await deps.grant(id);
    if (stored === undefined) {
      const remedy =
        access === "application"
          ? `Nobody has granted access to ${address} yet: an administrator does it with "Connect".`
          : `Nobody has connected ${address} yet: its owner does it with "Connect".`;
      return { result: "failed", evidence: { kind: access }, remedy };
    }
    return stored.kind === "application" ? applicationGrant(stored) : ownersGrant(stored);
  }

  function applicationGrant({ kind, tenantId, expiresAt, refused }: Grant): Finding {
    const evidence = { kind, tenantId, accessTokenUntil: expiresAt };
    if (!refused) return { result: "ok", evidence };
    return { result: "failed", evidence, remedy: "Microsoft refuses the grant: an administrator must grant it again." };
  }

  async function ownersGrant(stored: Grant): Promise<Finding> {
    const missing = missingScopes(deps.neededScopes(found()), stored.scopes);
    const endsAt = new Date(stored.refreshTokenSavedAt.getTime() + REFRESH_TOKEN_LIFE_MS);
    const isStored = await deps.hasRefreshToken(stored);
    const evidence = {
      kind: stored.kind,
      by: stored.userName,
      tenantId: stored.tenantId,
      missingScopes: missing.join(", ") || undefined,
      accessTokenUntil: stored.expiresAt,
      refreshTokenSavedAt: stored.refreshTokenSavedAt,
      refreshTokenUntil: endsAt,
      refreshTokenStored: isStored,
    };
    const connectAgain = (why: string): Finding["remedy"] => `${why}: connect the mailbox again.`;
    if (stored.refused) {
      return { result: "failed", evidence, remedy: connectAgain("Microsoft no longer accepts the consent") };
    }
    if (!isStored) {
      return { result: "failed", evidence, remedy: connectAgain("Key Vault has lost the refresh token") };
    }
    if (missing.length > 0) {
      const why = `The consent lacks ${missing.join(", ")}`;
      return { result: "failed", evidence, remedy: connectAgain(why) };
    }
    if (endsAt.getTime() - now().getTime() <= WARN_BEFORE_END_MS) {
      const why = `Nothing has renewed the refresh token since ${stored.refreshTokenSavedAt.toISOString()}`;
      return { result: "warning", evidence, remedy: connectAgain(why) };
    }
    return { result: "ok", evidence };
  }

  async function atGraph(): Promise<Finding> {
    const { address, folder } = found();
    return { result: "ok", evidence: { address, folder, entries: await deps.tryMailbox(found()) } };
  }

  async function desk(): Promise<Finding> {
    const { desk: name } = found();
    const [probe, openCircuits] = await Promise.all([deps.probeDesk(found()), deps.openCircuits()]);
    const openCircuit = openCircuits.find((one) => one.desk === name);
    const reached = { desk: name, ...probe, restsUntil: openCircuit?.until };
    const where = `the address of "${name}" in the setting DESKS, whether the desk runs, and whether its firewall lets Deskpost in; mail waits meanwhile`;
    if (!isAnswering(probe)) {
      return { result: "failed", evidence: reached, remedy: `The desk does not answer: look at ${where}.` };
    }
    if (testMessage) {
      const { key, answer } = await deps.sendTestMessage(found());
      return testFinding(key, answer, reached);
    }
    if (openCircuit === undefined && isNothingThere(probe)) {
      const remedy = `Something answers there, and says that there is nothing at this address: look at ${where}. Some receivers answer so to everything but mail; a test message shows it.`;
      return { result: "warning", evidence: reached, remedy };
    }
    if (openCircuit === undefined) return { result: "ok", evidence: reached };
    const remedy = `It answers, but takes no mail since ${openCircuit.since.toISOString()} (${codeWords(openCircuit.code)}): look at ${where}.`;
    return { result: "warning", evidence: reached, remedy };
  }

  async function backlog(): Promise<Finding> {
    const { id, status, lastFetchAt, lastSuccessAt, lastMailAt, lastError, desk: name } = found();
    const [counts, pending, alarm, lastTick, openCircuits] = await Promise.all([
      deps.waiting(id),
      deps.pending(id, OLDEST_AMONG),
      deps.registry.alarm(),
      deps.registry.lastTick(),
      deps.openCircuits(),
    ]);
    const openCircuit = openCircuits.find((one) => one.desk === name);
    // What was old already when it was found waits behind new mail, and says nothing of a delay.
    const waits = pending.flatMap(({ isBacklog, receivedAt }) =>
      isBacklog ? [] : [now().getTime() - receivedAt.getTime()],
    );
    const lagMs = Math.max(0, ...waits);
    const evidence = {
      status,
      ...counts,
      lagSeconds: Math.round(lagMs / 1_000),
      lastFetchAt,
      lastSuccessAt,
      lastMailAt,
      lastError: lastError?.code,
    };
    const health = mailboxHealth({
      mailbox: found(),
      ...counts,
      token: undefined,
      alarm,
      lastTick,
      openCircuit,
      now: now(),
    });
    if (health.wrong !== undefined) {
      const remedy = `${health.line}: the list of mailboxes says what to do about it.`;
      return { result: health.colour === "bad" ? "failed" : "warning", evidence, remedy };
    }
    if (lagMs <= LONG_WAIT_MS) return { result: "ok", evidence };
    return { result: "warning", evidence, remedy: "Mail waits for long: look at the messages that are pending." };
  }

  return [
    {
      name: "grant",
      needs: ["storage", "key vault"],
      limitMs: 5_000,
      remedy: "Look at the storage account and Key Vault.",
      run: grant,
    },
    {
      name: "mailbox",
      needs: ["grant"],
      limitMs: 9_000,
      remedy: "Look at GRAPH_URL and the app's way to the internet; Microsoft's service health is in its admin center.",
      run: atGraph,
    },
    {
      name: "desk",
      needs: mailbox === undefined ? ["storage"] : ["configuration"],
      limitMs: 18_000,
      remedy: "Look at the setting DESKS, and whether the desk runs. A test message may still arrive there.",
      run: desk,
    },
    { name: "backlog", needs: ["storage"], limitMs: 6_000, remedy: "Look at the storage account.", run: backlog },
  ];
}

function testFinding(key: string, answer: DeskAnswer, reached: Finding["evidence"]): Finding {
  const evidence = { ...reached, testMessage: answer.kind, key };
  if (answer.kind === "accepted" || answer.kind === "duplicate") {
    return { result: "ok", evidence: { ...evidence, ticket: answer.reference } };
  }
  const remedy = `The desk did not take the test message, because ${codeWords(answer.code)}: look at its log, and at what it takes mail for.`;
  return { result: "failed", evidence: { ...evidence, code: answer.code }, remedy };
}
