import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type HealthFacts, mailboxHealth } from "../../../shared/health/mailbox-health.ts";
import type { Mailbox } from "../../../shared/mailboxes/mailbox.ts";
import { validMailbox } from "../mailboxes/valid-mailbox.ts";

const NOON = new Date("2026-11-23T12:00:00Z");
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const later = (ms: number) => new Date(NOON.getTime() + ms);

function health(mailbox: Partial<Mailbox>, facts: Partial<HealthFacts> = {}) {
  return mailboxHealth({
    mailbox: { ...validMailbox(mailbox), etag: "etag" },
    pending: 0,
    quarantined: 0,
    token: undefined,
    alarm: undefined,
    lastTick: NOON,
    openCircuit: undefined,
    now: NOON,
    ...facts,
  });
}

const failed = (code: string) => ({ lastError: { code, message: `${code}: do this`, at: NOON } });
const openCircuit = { desk: "uvdesk", code: "HTTP_503", since: NOON, until: later(MINUTE_MS) } as const;
const alarm = { code: "APP_MISCONFIGURED", message: "The client secret has ended", since: NOON };
const tokenUntil = (goodUntil: Date) => ({
  userName: "owner",
  goodUntil: NOON,
  refreshAt: NOON,
  refreshToken: { savedAt: NOON, goodUntil },
});

describe("a mailbox in one line", () => {
  for (const [line, colour, remedy, found] of [
    ["Connected; all mail delivered", "good", "none", health({})],
    ["Connected; all mail delivered but 2 mails that the desk refused", "good", "none", health({ refused: 2 })],
    ["Connected; 3 mails on the way", "good", "none", health({}, { pending: 3 })],
    ["Connected; 1 mail in quarantine", "warn", "replay", health({}, { quarantined: 1, pending: 2 })],
    ["Not connected yet", "warn", "connect", health({ status: "new" })],
    ["Not connected yet", "warn", "approve", health({ status: "new", access: "application" })],
    ["Must be connected again", "bad", "connect", health({ status: "needs-owner", ...failed("CONSENT_REQUIRED") })],
    ["Blocked by its organisation", "bad", "approve", health({ status: "needs-admin" })],
    ["Paused", "warn", "resume", health({ status: "paused" })],
    ["Connected, but the last fetch failed", "warn", "fetch", health(failed("GRAPH_UNAVAILABLE"), { quarantined: 1 })],
    [
      "Connected, with a note",
      "warn",
      "none",
      health({ ...failed("READ_BY_LIST"), lastFetchAt: NOON, lastSuccessAt: NOON }),
    ],
    ["Connected, but the last fetch failed", "bad", "connect", health(failed("GRAPH_REFUSED"))],
    ["Connected, but the last fetch failed", "bad", "none", health(failed("CONFIGURATION_INVALID"))],
    ["Connected, but the desk takes no mail", "warn", "fetch", health(failed("DESK_UNAVAILABLE"))],
    ["Connected, but the desk takes no mail", "warn", "fetch", health(failed("DESK_FAILING"))],
    ["Connected, but the desk takes no mail", "warn", "fetch", health({}, { openCircuit })],
    ["Connected, but Deskpost's own sign-in is refused", "bad", "none", health({}, { alarm, openCircuit })],
    ["Connected, but nothing is fetched", "bad", "none", health({}, { lastTick: later(-6 * MINUTE_MS) })],
    ["Connected, but the sign-in ends soon", "warn", "connect", health({}, { token: tokenUntil(later(29 * DAY_MS)) })],
    ["Connected; all mail delivered", "good", "none", health({}, { token: tokenUntil(later(31 * DAY_MS)) })],
  ] as const) {
    it(`${line} (${colour}), remedied by ${remedy}`, () => {
      assert.deepEqual([found.line, found.colour, found.remedyAction], [line, colour, remedy]);
      assert.equal(found.wrong === undefined, colour === "good");
      if (found.wrong !== undefined) assert.match(found.wrong, /^[A-Z1].*(?:\.|this|ended)$/);
    });
  }

  it("names a mailbox by its address, where an error knows its id alone", () => {
    const { id, address } = validMailbox();
    const message = `Mailbox ${id}: Key Vault has lost the refresh token. Its owner must connect it again.`;
    const lastError = { code: "CONSENT_REQUIRED", message, at: NOON };
    const { wrong } = health({ status: "needs-owner", lastError });
    assert.equal(wrong, message.replace(id, address));
  });
});
