import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { codeOf, messageOf } from "../../../shared/platform/errors.ts";
import { classify, type RefusalClass } from "../../../shared/tokens/entra-errors.ts";
import { EntraError, entraErrorAnswer, entraErrorBody } from "../../simulator/entra/entra-errors.ts";
import { type Answer, json } from "../../simulator/stand-in.ts";
import { readErrorTable } from "./error-table.ts";
import { DAY_MS, type ExampleMailbox, isTokenRequest, MINUTE_MS, useTokenHarness } from "./token-harness.ts";
import type { Instance } from "./token-instance.ts";

const harness = useTokenHarness();
const { rows, sentences } = readErrorTable();
let mailbox: ExampleMailbox;
let instance: Instance;

/** One mailbox for all: before each test it is as after a consent of a week ago, whatever it has gone through. */
beforeEach(async () => {
  instance ??= harness.instance();
  mailbox ??= await harness.connectedMailbox();
  await instance.registry.clearAlarm();
  await instance.grants.update(await harness.grantOf(mailbox), {
    refused: false,
    failures: 0,
    nextAttemptAt: undefined,
    claims: undefined,
    refreshTokenSavedAt: new Date(Date.now() - 8 * DAY_MS),
  });
  await instance.changeMailbox.connected(mailbox.id);
});

/** Entra gives this answer, twice, to what the daily function asks. */
async function renewalMeets(answer: Answer): Promise<void> {
  harness.entra.server.plan(isTokenRequest, { kind: "answer", answer }, 2);
  await instance.renewGrants();
  harness.entra.server.clearFaults();
}

const CODE_OF: Readonly<Record<RefusalClass, string>> = {
  owner: "CONSENT_REQUIRED",
  "tenant-admin": "ADMIN_REQUIRED",
  app: "APP_MISCONFIGURED",
  passing: "ENTRA_UNAVAILABLE",
};
const STATUS_OF = { owner: "needs-owner", "tenant-admin": "needs-admin", app: "connected", passing: "connected" };

/** What the class promises for grant, mailbox and alarm; `number` is what the page names. */
async function assertEffect(kind: RefusalClass, number: string, alarm: boolean): Promise<void> {
  const grant = await harness.grantOf(mailbox);
  const stored = await instance.registry.get(mailbox.id);
  assert.equal(grant.refused, kind === "owner");
  assert.equal(grant.failures, 1);
  assert.equal(grant.leaseUntil, undefined);
  assert.equal(grant.nextAttemptAt !== undefined, kind === "passing");
  assert.equal(stored?.status, STATUS_OF[kind]);
  const sentence = sentences.get(kind)?.replace("AADSTS…", number) ?? assert.fail(`no sentence for ${kind}`);
  if (kind === "owner" || kind === "tenant-admin") {
    assert.deepEqual(
      [stored?.lastError?.code, stored?.lastError?.message],
      [CODE_OF[kind], `Mailbox ${mailbox.id}: ${sentence}`],
    );
  }
  assert.equal((await instance.registry.alarm()) !== undefined, alarm);
}

describe("each number of the table", () => {
  for (const row of rows) {
    for (const code of row.codes) {
      it(`AADSTS${code} (${row.meaning}) is ${row.class}`, async () => {
        const requests = harness.entra.tokenRequests.refresh_token;
        const before = harness.entra.server.requests.filter(isTokenRequest).length;
        await renewalMeets(entraErrorAnswer(new EntraError(code)));
        assert.equal(harness.entra.tokenRequests.refresh_token, requests, "no refresh came through");
        const asked = harness.entra.server.requests.filter(isTokenRequest).length - before;
        assert.equal(asked, row.class === "owner" || row.class === "tenant-admin" || code === 9002313 ? 2 : 1);
        await assertEffect(row.class, `AADSTS${code}`, row.alarm);
      });
    }
  }
});

describe("what the table does not name", () => {
  const ofNobody = (error: string, status = 400, suberror?: string): Answer =>
    json(status, { ...entraErrorBody(new EntraError(987_654)), error, ...(suberror && { suberror }) });
  const cases: readonly (readonly [string, Answer, RefusalClass, boolean])[] = [
    ["an unknown number with an unknown error", ofNobody("brand_new_error"), "passing", false],
    ["an unknown number with server_error", ofNobody("server_error", 500), "passing", false],
    ["an unknown number with 503, whatever it says", ofNobody("invalid_grant", 503), "passing", false],
    ["an unknown number with invalid_grant", ofNobody("invalid_grant"), "owner", false],
    ["an unknown number with interaction_required", ofNobody("interaction_required"), "owner", false],
    ["an unknown number with a missing consent", ofNobody("brand_new_error", 400, "consent_required"), "owner", false],
    ["an unknown number with invalid_client", ofNobody("invalid_client", 401), "app", false],
    ["a number of one tenant with invalid_client", entraErrorAnswer(new EntraError(7000229)), "tenant-admin", false],
    ["an unknown number with invalid_scope", ofNobody("invalid_scope"), "app", false],
  ];
  for (const [name, answer, kind, alarm] of cases) {
    it(`(${name}) is ${kind}`, async () => {
      await renewalMeets(answer);
      await assertEffect(kind, kind === "tenant-admin" ? "AADSTS7000229" : "AADSTS987654", alarm);
    });
  }

  it("does not end a grant by one word: the second try may come through", async () => {
    harness.entra.server.plan(isTokenRequest, { kind: "answer", answer: ofNobody("invalid_grant") });
    await instance.renew(mailbox.id);
    assert.equal((await harness.grantOf(mailbox)).refused, false);
  });

  it("is read too where the answer carries a challenge in its header, as some of Entra's 401 do", async () => {
    const refusal = entraErrorAnswer(new EntraError(7000222));
    const headers = { ...refusal.headers, "www-authenticate": 'Basic realm="login.microsoftonline.com"' };
    await renewalMeets({ ...refusal, headers });
    await assertEffect("app", "AADSTS7000222", true);
    assert.match((await instance.registry.alarm())?.message ?? "", /AADSTS7000222/);
  });
});

describe("a passing refusal", () => {
  it("says so to the mailbox's page, and names the number", async () => {
    await harness.passEnd(mailbox);
    harness.entra.server.plan(isTokenRequest, { kind: "answer", answer: entraErrorAnswer(new EntraError(50196)) });
    const error = await instance.accessTokenFor(mailbox.id).catch((thrown: unknown) => thrown);
    assert.equal(codeOf(error), "ENTRA_UNAVAILABLE");
    assert.match(messageOf(error), /AADSTS50196/);
    const { nextAttemptAt } = await harness.grantOf(mailbox);
    assert.ok((nextAttemptAt?.getTime() ?? 0) > Date.now() + 4 * MINUTE_MS, "a loop is left alone for five minutes");
  });
});

describe("the README", () => {
  it("lists the numbers that the code knows, each one once, under its class", () => {
    const listed = new Map(rows.flatMap((row) => row.codes.map((code) => [code, row.class] as const)));
    assert.equal(listed.size, rows.flatMap(({ codes }) => codes).length, "a number stands there twice");
    // A number is known where the OAuth error beside it makes no difference. All that Entra has are of 5 to 7 digits.
    for (let code = 10_000; code < 10_000_000; code += 1) {
      const kind = classify({ status: 400, error: "invalid_grant", suberror: undefined, codes: [code] });
      const isKnown = kind === classify({ status: 400, error: undefined, suberror: undefined, codes: [code] });
      if (isKnown || listed.has(code)) assert.equal(listed.get(code), kind, `AADSTS${code}`);
    }
  });
});
