import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pathOfLink } from "../../../../shared/mail/graph/graph-client.ts";
import { GraphError } from "../../../../shared/mail/message-source.ts";
import { AppError } from "../../../../shared/platform/errors.ts";
import { json } from "../../../simulator/stand-in.ts";
import { ADDRESS, mail, readsContent } from "../mail-harness.ts";
import { useGraphHarness } from "./graph-harness.ts";

const harness = useGraphHarness();
const USER = `/users/${encodeURIComponent(ADDRESS)}`;

async function get(path = `${USER}/mailFolders/inbox`): Promise<Response> {
  return await harness.send({ method: "GET", path });
}

async function failureOf(attempt: Promise<unknown>): Promise<GraphError> {
  try {
    await attempt;
  } catch (error) {
    if (error instanceof GraphError) return error;
    throw error;
  }
  return assert.fail("Graph did not refuse");
}

describe("a request to Graph", () => {
  it("carries the mailbox's token, and comes back with every byte as it is", async () => {
    const bytes = Buffer.concat([mail("8-bit"), Buffer.from([0xe4, 0xff, 0x00, 0x0d, 0x0a, 0x80])]);
    const { immutableId } = harness.mailbox.deliver(bytes);
    const response = await get(`${USER}/messages/${encodeURIComponent(immutableId)}/$value`);
    assert.ok(Buffer.from(await response.arrayBuffer()).equals(bytes));
    assert.equal(harness.requests[0]?.headers.authorization, "Bearer token-1");
    assert.deepEqual(harness.tokenRequests, [{ mailboxId: "mailbox-1", rejected: undefined, claims: undefined }]);
  });

  it("carries its own headers and its body as JSON", async () => {
    const { immutableId } = harness.mailbox.deliver(mail("one"));
    await harness.send({
      method: "PATCH",
      path: `${USER}/messages/${encodeURIComponent(immutableId)}`,
      headers: { Prefer: 'IdType="ImmutableId"' },
      body: { isRead: true },
    });
    const [request] = harness.requests;
    assert.equal(request?.method, "PATCH");
    assert.equal(request?.headers.prefer, 'IdType="ImmutableId"');
    assert.match(request?.headers["content-type"] ?? "", /application\/json/);
    assert.deepEqual(JSON.parse(String(request?.body)), { isRead: true });
    assert.equal(harness.mailbox.messages()[0]?.isRead, true);
  });

  it("fails as the token module fails, where there is no token", async () => {
    harness.failTokens(new AppError("CONSENT_REQUIRED", "its owner must consent again"));
    await assert.rejects(get(), { name: "AppError", code: "CONSENT_REQUIRED" });
    assert.equal(harness.requests.length, 0);
  });
});

describe("a token that Graph does not accept", () => {
  it("is replaced by a new one, once", async () => {
    harness.acceptTokens("token-2");
    assert.equal((await get()).status, 200);
    assert.deepEqual(
      harness.tokenRequests.map(({ rejected }) => rejected),
      [undefined, "token-1"],
    );
  });

  it("because it must prove more is replaced by one that does", async () => {
    const claims = '{"access_token":{"acrs":{"essential":true,"value":"c1"}}}';
    const challenges = [
      `Bearer realm="", authorization_uri="https://login.example.com/authorize"`,
      `Bearer error="insufficient_claims", claims="${Buffer.from(claims).toString("base64")}"`,
    ];
    harness.answer({ status: 401, headers: { "www-authenticate": challenges } });
    assert.equal((await get()).status, 200);
    assert.deepEqual(harness.tokenRequests.at(-1), { mailboxId: "mailbox-1", rejected: "token-1", claims });
  });

  it("for claims that nobody can read is replaced all the same", async () => {
    const header = 'Bearer error="insufficient_claims", claims="not JSON"';
    harness.answer({ status: 401, headers: { "www-authenticate": header } });
    assert.equal((await get()).status, 200);
    assert.equal(harness.tokenRequests.at(-1)?.claims, undefined);
  });

  it("and neither the new one, is a refusal; nobody asks a third time", async () => {
    harness.acceptTokens();
    const { code, answer, message } = await failureOf(get());
    assert.equal(code, "GRAPH_REFUSED");
    assert.equal(answer.status, 401);
    assert.match(message, /connect the mailbox again/);
    assert.equal(harness.requests.length, 2);
  });
});

describe("a throttle", () => {
  for (const [retryAfter, expectedMs] of [
    ["45", 45_000],
    ["600", 600_000],
    ["3600", 3_600_000],
    ["2.128", 2_128],
    ["0", 0],
    [undefined, undefined],
    ["soon", undefined],
  ] as const) {
    it(`with ${retryAfter === undefined ? "no Retry-After" : `a Retry-After of ${retryAfter}`} is not tried again`, async () => {
      harness.graph.throttle({ times: 1, ...(retryAfter === undefined ? {} : { retryAfter }) });
      const { code, answer } = await failureOf(get());
      assert.equal(code, "GRAPH_THROTTLED");
      assert.equal(answer.retryAfterMs, expectedMs);
      assert.equal(harness.requests.length, 1);
    });
  }

  it("until a date is over at that date", async () => {
    harness.graph.throttle({ times: 1, retryAfter: "Mon, 23 Nov 2026 12:10:00 GMT" });
    const { retryAfterMs = 0 } = (await failureOf(get())).answer;
    assert.ok(retryAfterMs > 595_000 && retryAfterMs <= 600_000);
  });

  for (const [words, answer] of [
    ["429 without a body", { status: 429 }],
    ["503 with Retry-After", { status: 503, headers: { "retry-after": "30" } }],
    ["its code under another status", json(400, { error: { code: "ApplicationThrottled" } })],
    ["TooManyRequests", json(403, { error: { code: "TooManyRequests" } })],
  ] as const) {
    it(`may come as ${words}`, async () => {
      harness.answer(answer);
      assert.equal((await failureOf(get())).code, "GRAPH_THROTTLED");
    });
  }
});

describe("a fault that passes by itself", () => {
  for (const [words, answer] of [
    ["an empty 503", { status: 503 }],
    ["an empty 500", { status: 500 }],
    ["a page instead of JSON", { status: 502, headers: { "content-type": "text/html" }, body: "<h1>Bad gateway</h1>" }],
    ["504", json(504, { error: { code: "UnknownError", message: "" } })],
    ["408", { status: 408 }],
    ["a mailbox that is being moved", json(404, { error: { code: "ErrorMailboxMoveInProgress" } })],
    ["a passing code deep inside", json(400, { error: { code: "a", innerError: { code: "MailboxInfoStale" } } })],
  ] as const) {
    it(`is ${words}; it is left to the next run`, async () => {
      harness.answer(answer, 5);
      const { code, answer: seen } = await failureOf(get());
      assert.equal(code, "GRAPH_UNAVAILABLE");
      assert.equal(seen.status, answer.status);
      assert.equal(harness.requests.length, 1);
    });
  }

  it("is a Graph that does not answer at all", async () => {
    harness.graph.server.setDown(true);
    const error = await failureOf(get());
    assert.equal(error.code, "GRAPH_UNAVAILABLE");
    assert.equal(error.answer.status, undefined);
    assert.ok(error.cause instanceof Error);
  });
});

describe("a refusal", () => {
  for (const [status, graphCode, remedy] of [
    [403, "ErrorAccessDenied", /lacks the right/],
    [404, "ErrorInvalidUser", /check the address/],
    [404, "ErrorFolderNotFound", /no such folder/],
    [403, "ExtensionError", /a policy .*application access policy.*scope/],
    [404, "MailboxNotEnabledForRESTAPI", /licence.*deleted.*guest.*organisation's own/],
    [404, "MailboxNotSupportedForRESTAPI", /licence/],
    [400, "ErrorInvalidRequest", /learn\.microsoft\.com\/graph\/errors/],
  ] as const) {
    it(`of ${graphCode} says what to do`, async () => {
      harness.answer(json(status, { error: { code: graphCode, message: "…" } }, { "request-id": "request-7" }));
      const { code, message, answer } = await failureOf(get());
      assert.equal(code, "GRAPH_REFUSED");
      assert.match(message, remedy);
      assert.deepEqual(answer, { status, graphCode, requestId: "request-7", retryAfterMs: undefined });
    });
  }

  it("of the tenant's policy for applications blames the policy or the scope, not who connected the mailbox", async () => {
    const said = "Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings.";
    for (const code of ["ErrorAccessDenied", "ExtensionError"]) {
      harness.answer(json(403, { error: { code, message: said } }));
      const { message } = await failureOf(get());
      assert.match(message, /application access policy.*scope of the role assignment/);
      assert.doesNotMatch(message, /account that connected/);
    }
  });

  for (const [number, remedy] of [
    [500014, /missing or disabled .*AADSTS500014.*administrator/],
    [500011, /missing or disabled .*AADSTS500011/],
    [53003, /AADSTS53003.*administrator/],
  ] as const) {
    it(`by a 401 with AADSTS${number} inside is read by that number`, async () => {
      const error = { code: "AuthenticationError", message: `AADSTS${number}: The service principal is …` };
      harness.answer(json(401, { error }), 3);
      const { message } = await failureOf(get());
      assert.match(message, remedy);
      assert.doesNotMatch(message, /connect the mailbox again/);
    });
  }

  it("is told by its innermost code, however Graph spells the way there", async () => {
    const innererror = { code: "ErrorInvalidIdMalformed" };
    harness.answer(json(400, { error: { code: "BadRequest", innerError: { code: "Middle", innererror } } }));
    assert.equal((await failureOf(get())).answer.graphCode, "ErrorInvalidIdMalformed");
  });

  it("names neither the message nor the query", async () => {
    harness.answer({ status: 400 });
    const { message } = await failureOf(get(`${USER}/messages/AAkA-secret-id/$value?$deltatoken=abc`));
    assert.match(message, /GET \/users\/help%40example\.com\/messages\/…/);
    assert.doesNotMatch(message, /secret-id|deltatoken|token-1/);
  });
});

describe("a token", () => {
  it("goes to no other server, whatever address is asked for", async () => {
    await assert.rejects(get(`${harness.stranger.origin}/v1.0${USER}/messages`), { code: "BAD_LINK" });
    assert.deepEqual(harness.stranger.requests, []);
    assert.deepEqual(harness.tokenRequests, []);
  });

  for (const status of [301, 302, 307, 308]) {
    it(`does not follow a redirect (${status})`, async () => {
      harness.answer({ status, headers: { location: `${harness.stranger.origin}/` } });
      assert.equal((await failureOf(get())).code, "GRAPH_UNAVAILABLE");
      assert.deepEqual(harness.stranger.requests, []);
    });
  }

  it("stands in no error", async () => {
    harness.acceptTokens();
    const error = await failureOf(get());
    assert.doesNotMatch(JSON.stringify([error, error.message, error.stack, String(error.cause)]), /token-[12]/);
  });
});

describe("a body that breaks off", () => {
  it("is seen by whoever reads it", async () => {
    const { immutableId } = harness.mailbox.deliver(mail("one", "x".repeat(50_000)));
    harness.graph.server.plan(readsContent(), { kind: "cut-body", afterBytes: 10_000 });
    const response = await get(`${USER}/messages/${encodeURIComponent(immutableId)}/$value`);
    await assert.rejects(response.arrayBuffer());
  });
});

describe("a stored link", () => {
  const GRAPH = "https://graph.microsoft.com";

  for (const path of [
    "/users/help%40example.com/mailFolders/inbox/messages/delta?$deltatoken=a%2Bb",
    "/users('help@example.com')/mailFolders('inbox')/messages/delta()?$skiptoken=x",
    "/Users/help/messages/delta",
  ]) {
    it(`to the mail of the configured Graph becomes a path, as it is: ${path}`, () => {
      assert.equal(pathOfLink(GRAPH, `${GRAPH}/v1.0${path}`), path);
    });
  }

  for (const link of [
    "https://graph.microsoft.us/v1.0/users/a/messages/delta",
    "http://graph.microsoft.com/v1.0/users/a/messages/delta",
    "https://graph.microsoft.com:8443/v1.0/users/a/messages/delta",
    "https://graph.microsoft.com@evil.example/v1.0/users/a/messages/delta",
    "https://graph.microsoft.com/beta/users/a/messages/delta",
    "https://graph.microsoft.com/v1.0/groups/a/messages/delta",
    "https://graph.microsoft.com/v1.0/usersandmore",
    "https://graph.microsoft.com/v1.0/../beta/users/a",
    "/v1.0/users/a/messages/delta",
    "",
  ]) {
    it(`to anywhere else is refused: ${link}`, () => {
      assert.throws(() => pathOfLink(GRAPH, link), { code: "BAD_LINK" });
    });
  }
});
