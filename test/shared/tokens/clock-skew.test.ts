import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { signIn } from "../../simulator/entra/entra-person.ts";
import { json } from "../../simulator/stand-in.ts";
import { createHookedProcess, type HookedProcess } from "./hooked-process.ts";
import { DAY_MS, type ExampleMailbox, isTokenRequest, MINUTE_MS, useTokenHarness } from "./token-harness.ts";

const harness = useTokenHarness();
let mailbox: ExampleMailbox;

beforeEach(async () => {
  mailbox = await harness.connectedMailbox();
});

/** A process whose clock is wrong by so many minutes; Entra's and Graph's are right. */
function processWith(minutes: number): HookedProcess {
  return createHookedProcess(harness, { now: () => new Date(Date.now() + minutes * MINUTE_MS) });
}

const refreshes = () => harness.entra.tokenRequests.refresh_token;
const livesFor = (token: string) => (harness.entra.describeAccessToken(token)?.expiresAt.getTime() ?? 0) - Date.now();

describe("a clock that is wrong by ten minutes, the same for all instances", () => {
  for (const minutes of [10, -10]) {
    const name = minutes > 0 ? "ahead" : "behind";
    it(`(${name}) gives only tokens that Graph takes, and renews them before their end`, async () => {
      const process = processWith(minutes);
      let token = await process.accessTokenFor(mailbox.id, { value: "none", claims: undefined });
      const requests = refreshes();
      for (let minute = 0; minute < 300; minute += 5) {
        harness.clock.advance(5 * MINUTE_MS);
        token = await process.accessTokenFor(mailbox.id);
        assert.ok(livesFor(token) > 0, "Graph would refuse it");
      }
      assert.ok(refreshes() - requests <= 6, "no more often than a right clock would: lives are 60 to 90 minutes");
    });

    it(`(${name}) keeps an idle mailbox connected by the daily function`, async () => {
      const process = processWith(minutes);
      for (let day = 0; day < 200; day += 20) {
        harness.clock.advance(20 * DAY_MS);
        await process.renewGrants();
      }
      harness.assertServes(mailbox, await process.accessTokenFor(mailbox.id));
    });

    it(`(${name}) counts the wait after a failure from its own time`, async () => {
      const process = processWith(minutes);
      harness.clock.advance(DAY_MS);
      const headers = { "retry-after": "600" };
      harness.entra.server.plan(isTokenRequest, { kind: "answer", answer: { status: 429, headers, body: "later" } });
      await assert.rejects(process.accessTokenFor(mailbox.id), { code: "ENTRA_UNAVAILABLE" });
      harness.clock.advance(9 * MINUTE_MS);
      await assert.rejects(process.accessTokenFor(mailbox.id), { code: "TOKEN_UNAVAILABLE" });
      harness.clock.advance(2 * MINUTE_MS);
      harness.assertServes(mailbox, await process.accessTokenFor(mailbox.id));
    });
  }

  it("moves a wait that Entra gives as a date by as much, and no further", async () => {
    const process = processWith(-10);
    harness.clock.advance(DAY_MS);
    const headers = { "retry-after": new Date(Date.now() + 30 * MINUTE_MS).toUTCString() };
    harness.entra.server.plan(isTokenRequest, { kind: "answer", answer: { status: 429, headers, body: "later" } });
    await assert.rejects(process.accessTokenFor(mailbox.id), { code: "ENTRA_UNAVAILABLE" });
    harness.clock.advance(41 * MINUTE_MS);
    harness.assertServes(mailbox, await process.accessTokenFor(mailbox.id));
  });
});

describe("two instances whose clocks are twenty minutes apart", () => {
  it("may give a token that has ended; Graph's 401 repairs it with the next request", async () => {
    const [fast, slow] = [processWith(10), processWith(-10)];
    await fast.renew(mailbox.id);
    // The row says when the token ends by the fast clock; by the slow one that is twenty minutes later.
    const ended = await slow.accessTokenFor(mailbox.id);
    harness.clock.advanceTo(harness.entra.describeAccessToken(ended)?.expiresAt ?? 0);
    const late = await slow.accessTokenFor(mailbox.id);
    assert.ok(livesFor(late) <= 0, "the slow clock still calls it good");
    harness.assertServes(mailbox, await slow.accessTokenFor(mailbox.id, { value: late, claims: undefined }));
  });

  it("do not keep each other's lease, and still store nothing older over something newer", async () => {
    harness.clock.advance(8 * DAY_MS);
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const { promise: asked, resolve: arrived } = Promise.withResolvers<void>();
    harness.entra.server.plan(isTokenRequest, {
      kind: "before",
      run: () => {
        arrived();
        return gate;
      },
    });
    // By the fast clock, the lease of the slow one is over as soon as it is taken.
    const first = processWith(-10).accessTokenFor(mailbox.id);
    await asked;
    const second = await processWith(10).accessTokenFor(mailbox.id);
    const row = await harness.grantOf(mailbox);
    open();
    assert.equal(await first, second, "the slower one takes what the other stored");
    const { secretName, secretVersion } = await harness.grantOf(mailbox);
    assert.equal(secretVersion, row.secretVersion);
    assert.ok(harness.keyVault.read(secretName).some(({ version }) => version === secretVersion));
  });
});

describe("a sign-in", () => {
  /** Goes through Microsoft's pages; gives what comes back to Deskpost. */
  async function goAndComeBack({ consents }: HookedProcess) {
    const subject = { mailboxId: mailbox.id, address: mailbox.address, writes: false, kind: "owner" } as const;
    const { location, cookie } = await consents.start(subject);
    const { fields } = await signIn(location, { oid: mailbox.account.oid });
    const read = (name: string) => (name === cookie.name ? cookie.value : undefined);
    return { location, answer: { parameters: fields, cookie: read } };
  }

  /** The id token's times are as Entra writes them whose clock is so many minutes ahead of ours. */
  async function finishWithEntraAhead(minutes: number) {
    const process = processWith(0);
    const { location, answer } = await goAndComeBack(process);
    const issuedAt = Math.floor(Date.now() / 1_000) + minutes * 60;
    const idToken = [
      { alg: "RS256", typ: "JWT" },
      {
        iss: harness.entra.issuerOf(mailbox.account.tenantId),
        aud: location.searchParams.get("client_id"),
        iat: issuedAt,
        nbf: issuedAt,
        exp: issuedAt + 3_600,
        sub: "a-person",
        oid: mailbox.account.oid,
        tid: mailbox.account.tenantId,
        preferred_username: mailbox.address,
        nonce: location.searchParams.get("nonce"),
      },
      {},
    ].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
    const tokens = json(200, {
      token_type: "Bearer",
      scope: "Mail.Read Mail.Read.Shared openid profile",
      expires_in: 3_600,
      access_token: `an-access-token-${minutes}`,
      refresh_token: `a-refresh-token-${minutes}`,
      id_token: idToken.join("."),
    });
    harness.entra.server.plan(isTokenRequest, { kind: "answer", answer: tokens });
    return process.consents.finish(answer);
  }

  it("comes through while our clock is ten minutes ahead or behind", async () => {
    assert.equal((await finishWithEntraAhead(-10)).kind, "connected");
    assert.equal((await finishWithEntraAhead(10)).kind, "connected");
  });

  it("does not come through while our clock is further behind: the id token is of the future; nothing is stored", async () => {
    const before = await harness.grantOf(mailbox);
    const result = await finishWithEntraAhead(12);
    assert.partialDeepStrictEqual(result, { kind: "refused", reason: "token-refused", class: "passing" });
    assert.deepEqual(await harness.grantOf(mailbox), before);
  });

  it("is called expired where it ends at an instance twenty minutes ahead of the one where it began", async () => {
    const { answer } = await goAndComeBack(processWith(-10));
    const result = await processWith(10).consents.finish(answer);
    assert.partialDeepStrictEqual(result, { kind: "refused", reason: "expired-state" });
  });
});
