import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ConsentRefusal, ConsentResult } from "../../../shared/tokens/consent-result.ts";
import { consentPage } from "../../../shared/web/consent-page.ts";
import { createUrls } from "../../../shared/web/urls.ts";
import { assertSafePage, visibleText } from "./page-checks.ts";

const urls = createUrls("https://deskpost.contoso.test");
const ADDRESS = "help@contoso.test";

const refused = (refusal: ConsentRefusal, address: string | undefined = ADDRESS) =>
  consentPage({ kind: "refused", mailboxId: "9f2c41d07be3a865", ...refusal }, address, urls);

describe("the page at the end of a consent", () => {
  it("says that the mailbox is connected, by whom, and that nothing is left to do", async () => {
    const page = await consentPage(
      { kind: "connected", mailboxId: "9f2c", userName: "owner@contoso.test" },
      ADDRESS,
      urls,
    );
    assert.equal(page.status, 200);
    assertSafePage(page, urls.origin);
    const text = visibleText(page);
    assert.match(text, /help@contoso\.test is connected/);
    assert.match(text, /Signed in as owner@contoso\.test/);
    assert.match(text, /You can close this window/);
  });

  const message =
    "Microsoft refused to redeem the sign-in: AADSTS7000222: The provided client secret keys are expired.";
  const cases: readonly (readonly [ConsentRefusal, happened: RegExp, next: RegExp])[] = [
    [{ reason: "no-state" }, /the request carries none/, /press Connect there/],
    [{ reason: "unknown-state" }, /does not belong to a sign-in that this browser/, /press Connect there/],
    [
      { reason: "other-browser" },
      /does not belong to a sign-in that this browser/,
      /that somebody sent you, close this window/,
    ],
    [{ reason: "used-state" }, /This sign-in was finished before/, /list of mailboxes shows whether/],
    [{ reason: "expired-state" }, /More than ten minutes/, /press Connect there/],
    [{ reason: "declined", error: "access_denied" }, /permissions were declined/, /press Connect there/],
    [
      {
        reason: "admin-approval-required",
        error: "access_denied",
        approvalUrl: "https://login.microsoftonline.com/contoso/v2.0/adminconsent?client_id=1&scope=Mail.Read",
      },
      /lets only its administrators approve/,
      /Send this link .* https:\/\/login\.microsoftonline\.com\/contoso\/v2\.0\/adminconsent\?client_id=1&scope=Mail\.Read/,
    ],
    [{ reason: "microsoft-error", error: "AADSTS50000" }, /with the error AADSTS50000\./, /reference-error-codes/],
    [{ reason: "used-invitation" }, /connects a mailbox once/, /Ask whoever sent it for a new one/],
    [{ reason: "no-code" }, /neither a code nor an error/, /press Connect there/],
    [{ reason: "no-refresh-token" }, /access for an hour only/, /platform “Web”/],
    [{ reason: "mailbox-removed" }, /took the mailbox off the list/, /Add it again/],
    [
      { reason: "other-account", userName: "sam@contoso.test", userNameBefore: "help@contoso.test" },
      /sam@contoso\.test signed in, but help@contoso\.test had connected/,
      /Connect with another account/,
    ],
    [{ reason: "other-tenant" }, /belongs to another organisation/, /account of the mailbox's organisation/],
    [
      { reason: "missing-scopes", missing: ["Mail.Read", "Mail.Read.Shared"] },
      /did not grant Mail\.Read, Mail\.Read\.Shared\./,
      /Accept all permissions/,
    ],
    [
      { reason: "mailbox-not-opened", userName: "sam@contoso.test", detail: "Access is denied" },
      /sam@contoso\.test signed in, but cannot open the mailbox and folder\. Access is denied\./,
      /Sign in as the owner/,
    ],
    [
      { reason: "same-folder", folder: "inbox" },
      /brings in the mail of this folder already: it is the one that is in the list as “inbox”/,
      /removes one of the two/,
    ],
    [
      { reason: "token-refused", class: "passing", message },
      /did not answer as it should/,
      /Try again in a few minutes/,
    ],
    [
      { reason: "token-refused", class: "app", message },
      /AADSTS7000222/,
      /put the app registration or its credential right/,
    ],
    [
      { reason: "token-refused", class: "tenant-admin", message },
      /AADSTS/,
      /administrator of the organisation must allow it/,
    ],
    [{ reason: "token-refused", class: "owner", message }, /AADSTS/, /press Connect there/],
  ];
  for (const [refusal, happened, next] of cases) {
    const kind = "class" in refusal ? ` (${refusal.class})` : "";
    it(`says what happened and what to do: ${refusal.reason}${kind}`, async () => {
      const page = await refused(refusal);
      assert.equal(page.status, 400);
      assertSafePage(page, urls.origin);
      const text = visibleText(page);
      assert.match(text, /help@contoso\.test was not connected/);
      assert.match(text, happened);
      assert.match(text, next);
      assert.match(text, /Nothing was stored, and nothing that worked before has changed\./);
    });
  }

  it("leads an administrator back to the list, and an invited owner nowhere", async () => {
    const results: readonly Exclude<ConsentResult, { kind: "approval-ended" }>[] = [
      { kind: "connected", mailboxId: "9f2c", userName: "owner@contoso.test" },
      { kind: "refused", mailboxId: "9f2c", reason: "no-code" },
    ];
    for (const result of results) {
      assert.ok((await consentPage(result, ADDRESS, urls)).body.includes(`href="${urls.mailboxes}"`));
      const invited = await consentPage({ ...result, invited: true }, ADDRESS, urls);
      assert.ok(!invited.body.includes(urls.mailboxes));
    }
  });

  it("claims nothing about an approval for the organisation, which its address cannot prove", async () => {
    const page = await consentPage({ kind: "approval-ended" }, undefined, urls);
    assert.equal(page.status, 200);
    assertSafePage(page, urls.origin);
    assert.match(visibleText(page), /cannot tell whether Deskpost was approved/);
  });

  it("ends its sentences with one full stop", async () => {
    for (const [refusal] of cases) assert.doesNotMatch(visibleText(await refused(refusal)), /\.\./);
  });

  it("speaks of the mailbox where it does not know which", async () => {
    const page = await consentPage({ kind: "refused", mailboxId: undefined, reason: "no-state" }, undefined, urls);
    assert.match(visibleText(page), /The mailbox was not connected/);
  });

  it("shows hostile names and texts as text", async () => {
    const hostile = "\"><img src=x onerror=alert(1)>&'";
    const refusals: readonly ConsentRefusal[] = [
      { reason: "microsoft-error", error: hostile },
      { reason: "missing-scopes", missing: [hostile] },
      { reason: "mailbox-not-opened", userName: hostile, detail: hostile },
      { reason: "same-folder", folder: hostile },
      { reason: "token-refused", class: "owner", message: hostile },
    ];
    for (const refusal of refusals) {
      const page = await refused(refusal, hostile);
      assertSafePage(page, urls.origin);
      assert.ok(visibleText(page).includes(hostile), refusal.reason);
    }
    const connected = await consentPage({ kind: "connected", mailboxId: "9f2c", userName: hostile }, hostile, urls);
    assertSafePage(connected, urls.origin);
  });

  for (const refusal of [
    { reason: "token-refused", class: "app", message },
    { reason: "token-refused", class: "passing", message: "Key Vault https://vault.intern refuses the app" },
    { reason: "no-refresh-token" },
    { reason: "microsoft-error", error: "AADSTS50011" },
  ] as const satisfies readonly ConsentRefusal[]) {
    it(`tells who was invited that it is not their fault, and nothing of ours (${refusal.reason})`, async () => {
      const page = await consentPage({ kind: "refused", mailboxId: "9f2c", invited: true, ...refusal }, ADDRESS, urls);
      const text = visibleText(page);
      assert.match(text, /not your fault.*link that you were sent still works/);
      assert.doesNotMatch(text, /AADSTS|secret|registration|vault|platform/i);
    });
  }
});
