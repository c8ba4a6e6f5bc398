import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { AppError, codeOf } from "../../../shared/platform/errors.ts";
import { GrantRefusedError } from "../../../shared/tokens/access-tokens.ts";
import { EntraError, entraErrorAnswer } from "../../simulator/entra/entra-errors.ts";
import type { Fault } from "../../simulator/stand-in.ts";
import { type Conductor, createConductor, type Led } from "./conductor.ts";
import { createHookedProcess, type HookedProcess } from "./hooked-process.ts";
import { DAY_MS, type ExampleMailbox, HOUR_MS, isTokenRequest, MINUTE_MS, useTokenHarness } from "./token-harness.ts";
import { type EntraFault, type HistoryEvent, type TokenHistory, tokenHistory } from "./token-history.ts";
import { createWitness, type Witness } from "./token-witness.ts";

const harness = useTokenHarness();

/** One life of a process; after its death another one takes its place. */
interface Life {
  readonly led: Led;
  readonly process: HookedProcess;
}

/** What one history is about. */
interface Told {
  readonly conductor: Conductor;
  readonly witness: Witness;
  readonly lives: Life[];
  readonly mailboxes: readonly ExampleMailbox[];
  /** Mailboxes whose owner, or an administrator, ended the grant, and nobody has consented since. */
  readonly revoked: Set<string>;
  rotates: boolean;
  /** What a process threw although it must not, and claims that did not hold. */
  readonly wrong: unknown[];
}

/** A process whose every call stops where the conductor says; the witness sees what it decides, and what it gets. */
function bornProcess({ conductor, witness }: Pick<Told, "conductor" | "witness">): Life {
  const led: Led = { isDead: false, hasSlept: false };
  const process = createHookedProcess(harness, {
    hook: (name, port) => {
      const ledPort = conductor.lead(led, port);
      if (name === "endpoint") return witness.endpoint(led, ledPort as never) as never;
      if (name === "grants") return witness.grants(led, ledPort as never) as never;
      return ledPort;
    },
    sleep: async (ms) => {
      await conductor.stop(led);
      harness.clock.advance(ms);
    },
  });
  return { led, process };
}

/** A run for a mailbox, as far as tokens go: a token that Graph takes, or a refusal that changes the mailbox's status. */
async function fetch(told: Told, life: Life, mailbox: ExampleMailbox, rejected: boolean): Promise<void> {
  const { process } = life;
  if ((await process.registry.get(mailbox.id))?.status !== "connected") return;
  try {
    const token = await askForToken(told, life, mailbox);
    if (!rejected) return;
    const another = await askForToken(told, life, mailbox, token);
    assert.notEqual(another, token, "the token that Graph refused was given again");
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    if (error instanceof GrantRefusedError) await process.refused(mailbox.id, error);
  }
}

async function askForToken(
  { conductor }: Told,
  { led, process }: Life,
  mailbox: ExampleMailbox,
  rejected?: string,
): Promise<string> {
  const before = await conductor.aside(() => harness.grantOf(mailbox));
  let token: string;
  try {
    token = await process.accessTokenFor(
      mailbox.id,
      rejected === undefined ? undefined : { value: rejected, claims: undefined },
    );
  } catch (error) {
    const served = before.accessToken !== undefined && !before.refused && livesOn(before.expiresAt);
    if (served && rejected === undefined && !(error instanceof GrantRefusedError)) {
      assert.fail(`turned away with ${codeOf(error)}, though the token in hand would have served`);
    }
    throw error;
  }
  const described = harness.entra.describeAccessToken(token);
  assert.equal(described?.oid, mailbox.account.oid);
  // Whoever slept with a token in hand finds out at Graph, and asks again.
  assert.ok(led.hasSlept || described.expiresAt.getTime() > Date.now(), "Graph would not take this token any more");
  return token;
}

/** True where the token can be given out: a request may take two minutes. */
function livesOn(expiresAt: Date): boolean {
  return expiresAt.getTime() - Date.now() > 2 * MINUTE_MS;
}

function faultOf(fault: EntraFault): Fault {
  switch (fault) {
    case "cut-before":
    case "cut-after":
      return { kind: fault };
    case "throttled":
      return { kind: "answer", answer: { status: 429, headers: { "retry-after": "60" }, body: "Too Many Requests" } };
    default:
      return { kind: "answer", answer: entraErrorAnswer(new EntraError(fault)) };
  }
}

function at<Value>(values: readonly Value[], index: number): Value {
  return values[index % values.length] as Value;
}

/** Begins what a process does; what must not fail in it fails the history. */
function begin(told: Told, work: Promise<unknown>): void {
  work.catch((error: unknown) => told.wrong.push(error));
}

async function happen(told: Told, event: HistoryEvent): Promise<void> {
  const { conductor, witness, lives, mailboxes, revoked } = told;
  switch (event.kind) {
    case "fetch":
      begin(told, fetch(told, at(lives, event.process), at(mailboxes, event.mailbox), event.rejected));
      break;
    case "rush": {
      const mailbox = at(mailboxes, event.mailbox);
      const { refreshAt, expiresAt } = await harness.grantOf(mailbox);
      harness.clock.advanceTo(event.at === "renewal" ? refreshAt : expiresAt);
      for (const life of lives) begin(told, fetch(told, life, mailbox, false));
      break;
    }
    case "keep":
      begin(told, at(lives, event.process).process.renewGrants());
      break;
    case "die":
      at(lives, event.process).led.isDead = true;
      lives[event.process % lives.length] = bornProcess(told);
      break;
    case "go on":
      for (const choice of event.choices) await conductor.step(choice);
      break;
    case "come to an end":
      await conductor.runAll();
      break;
    case "time passes":
      harness.clock.advance(event.minutes * MINUTE_MS);
      break;
    case "entra fails":
      harness.entra.server.plan(isTokenRequest, faultOf(event.fault), event.times);
      break;
    case "rotation":
      told.rotates = !told.rotates;
      harness.entra.setRotation(told.rotates ? "returns-new" : "returns-none");
      break;
    case "revoke": {
      const { id, account } = at(mailboxes, event.mailbox);
      harness.entra.revoke(account.oid);
      revoked.add(id);
      break;
    }
    case "reconnect": {
      const mailbox = at(mailboxes, event.mailbox);
      harness.entra.server.clearFaults();
      await harness.connect(mailbox);
      witness.connected(await harness.grantOf(mailbox));
      revoked.delete(mailbox.id);
      break;
    }
  }
}

/** The faults are over, what was under way comes to its end, and then there are a few ticks as any others. */
async function comeToRest(told: Told): Promise<void> {
  harness.entra.server.clearFaults();
  harness.entra.setRotation("returns-new");
  await told.conductor.runAll();
  harness.clock.advance(LONGER_THAN_ANY_WAIT_MS);
  const life = bornProcess(told);
  // While the alarm of the app stands, one mailbox a minute tries for all.
  for (let round = 0; round <= told.mailboxes.length; round += 1) {
    harness.clock.advance(MINUTE_MS);
    begin(told, life.process.renewGrants());
    await told.conductor.runAll();
    for (const mailbox of told.mailboxes) begin(told, fetch(told, life, mailbox, false));
    await told.conductor.runAll();
  }
  for (const error of told.wrong) throw error;
  told.witness.assertNothingWrong();
}

async function assertWhole({ witness, mailboxes, revoked }: Told): Promise<void> {
  for (const mailbox of mailboxes) {
    const { status } = (await harness.instance().registry.get(mailbox.id)) ?? {};
    const grant = await harness.grantOf(mailbox);
    if (grant.refused || revoked.has(mailbox.id)) {
      assert.equal(status, "needs-owner", "Microsoft ended this grant, and its owner is asked");
      continue;
    }
    if (!witness.hasLivingToken(grant)) continue;
    assert.equal(status, "connected", "Microsoft would serve this mailbox");
    assert.ok(witness.ageMs(grant) < 8 * DAY_MS, "the stored refresh token was not replaced after a week");
    harness.assertServes(mailbox, await harness.instance().accessTokenFor(mailbox.id));
  }
}

async function tell({ processes, mailboxes, events }: TokenHistory): Promise<void> {
  harness.entra.server.clearFaults();
  const parts = { conductor: createConductor(), witness: createWitness(harness.keyVault) };
  const connected: ExampleMailbox[] = [];
  for (let count = 0; count < mailboxes; count += 1) {
    const mailbox = await harness.connectedMailbox();
    parts.witness.connected(await harness.grantOf(mailbox));
    connected.push(mailbox);
  }
  const lives = Array.from({ length: processes }, () => bornProcess(parts));
  const told: Told = { ...parts, lives, mailboxes: connected, revoked: new Set(), rotates: true, wrong: [] };
  try {
    for (const event of events) await happen(told, event);
    await comeToRest(told);
    await assertWhole(told);
  } finally {
    for (const { led } of told.lives) led.isDead = true;
    for (const { id } of connected) await harness.instance().changeMailbox.remove(id);
  }
}

const SEED = 20_261_123;
const HISTORIES = 35;
/** Longer than any lease, any wait after a failure, and the life of an access token. */
const LONGER_THAN_ANY_WAIT_MS = 2 * HOUR_MS;

describe("whatever happens to tokens", () => {
  it("one refresh at a time, never back to an older token, the owner is asked on Entra's word alone, and all comes right", async () => {
    await fc.assert(fc.asyncProperty(tokenHistory, tell), {
      seed: SEED,
      numRuns: HISTORIES,
      endOnFailure: true,
    });
  });
});
