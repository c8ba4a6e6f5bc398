import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { GraphError } from "./graph-errors.ts";
import { ADDRESS, errorOf, HOUR_MS, IMMUTABLE, OWNER, useGraph } from "./graph-test-harness.ts";
import { createThrottle } from "./graph-throttle.ts";

const harness = useGraph();

describe("an access token", () => {
  const read = { path: "/mailFolders/inbox" };
  const cases = [
    { token: "owner-read-only", reads: true, writes: false },
    { token: "owner-shared-scopes", reads: false, writes: false },
    { token: "delegate", reads: true, writes: true },
    { token: "delegate-own-scopes", reads: false, writes: false },
    { token: "reader", reads: true, writes: false },
    { token: "stranger", reads: false, writes: false },
    { token: "app", reads: true, writes: true },
  ];
  for (const { token, reads, writes } of cases) {
    it(`of the kind "${token}" reads: ${reads}, writes: ${writes}`, async () => {
      const { id } = harness.mailbox.deliver(Buffer.from("Subject: a"));
      assert.equal((await harness.get(read.path, { token })).status, reads ? 200 : 403);
      const patch = harness.client(token).api(`/users/${ADDRESS}/messages/${id}`).patch({ isRead: true });
      if (writes) await patch;
      else await assert.rejects(patch, { statusCode: 403, code: "ErrorAccessDenied" });
    });
  }

  it("that is missing, unknown, over or for another service is a 401 with a challenge", async () => {
    const texts = [
      {
        response: fetch(`${harness.graph.origin}/v1.0/users/${ADDRESS}/mailFolders/inbox`),
        text: "Access token is empty.",
      },
      { response: harness.get(read.path, { token: "x" }), text: "Access token has expired or is not yet valid." },
      {
        response: harness.get(read.path, { token: "for-key-vault" }),
        text: "Access token validation failure. Invalid audience.",
      },
      {
        response: harness.get(read.path, { token: "expired" }),
        text: "Lifetime validation failed, the token is expired.",
      },
    ];
    for (const { response, text } of texts) {
      const answer = await response;
      assert.match(answer.headers.get("www-authenticate") ?? "", /^Bearer realm=""/);
      assert.deepEqual(await errorOf(answer), { status: 401, code: "InvalidAuthenticationToken", message: text });
    }
  });

  it("may end in the middle of a run", async () => {
    const token = "owner-one-hour";
    assert.equal((await harness.get(read.path, { token })).status, 200);
    harness.clock.advance(HOUR_MS);
    assert.equal((await harness.get(read.path, { token })).status, 401);
  });

  it("may be refused until it meets new claims", async () => {
    const challenge = (await harness.get(read.path, { token: "challenged" })).headers.get("www-authenticate") ?? "";
    const claims = /error="insufficient_claims", claims="([^"]+)"/.exec(challenge)?.[1] ?? "";
    assert.equal(Buffer.from(claims, "base64").toString(), '{"access_token":{"nbf":{"essential":true}}}');
  });
});

describe("throttling", () => {
  const path = "/mailFolders/inbox";

  it("refuses the fifth request at once on one mailbox, and no other mailbox", async () => {
    harness.graph.addMailbox({ address: "other@example.com", ownerOid: OWNER });
    const release = harness.graph.hold();
    const inTime = [1, 2, 3, 4].map(() => harness.get(path));
    while (harness.graph.requestCount < 4) await new Promise((resolve) => setImmediate(resolve));
    const refused = await harness.get(path);
    const other = harness.get(`${harness.graph.origin}/v1.0/users/other@example.com${path}`);
    release();
    assert.equal(refused.headers.get("ratelimit-exceeded"), "MailboxConcurrency");
    assert.equal(refused.headers.get("retry-after"), "1");
    assert.deepEqual(await errorOf(refused), {
      status: 429,
      code: "ApplicationThrottled",
      message: "Application is over its MailboxConcurrency limit.",
    });
    for (const response of await Promise.all([...inTime, other])) assert.equal(response.status, 200);
    assert.equal(harness.graph.peakConcurrency(ADDRESS), 5);
    assert.equal((await harness.get(path)).status, 200);
  });

  it("is planned with any Retry-After, or without one", async () => {
    harness.graph.throttle({ retryAfter: "2.128", times: 1 });
    harness.graph.throttle({ times: 2 });
    const seen = [await harness.get(path), await harness.get(path), await harness.get(path), await harness.get(path)];
    assert.deepEqual(
      seen.map((response) => [response.status, response.headers.get("retry-after")]),
      [
        [429, "2.128"],
        [429, null],
        [429, null],
        [200, null],
      ],
    );
  });

  it("refuses what is over 10,000 requests in ten minutes, and counts that too", () => {
    const throttle = createThrottle();
    for (let count = 0; count < 10_000; count += 1) throttle.enter(ADDRESS)();
    throttle.enter("other@example.com")();
    harness.clock.advance(4 * 60_000);
    assert.throws(
      () => throttle.enter(ADDRESS),
      (error: unknown) => {
        assert.ok(error instanceof GraphError);
        assert.deepEqual(
          [error.status, error.code, error.headers["retry-after"]],
          [429, "ApplicationThrottled", "360"],
        );
        return true;
      },
    );
    harness.clock.advance(6 * 60_000);
    throttle.enter(ADDRESS)();
  });
});

describe("a batch", () => {
  interface Part {
    readonly id: string;
    readonly status: number;
    readonly body?: { readonly error?: { readonly code: string } };
  }

  async function batch(requests: unknown[]): Promise<Part[]> {
    const { responses } = await harness.client().api("/$batch").post({ requests });
    return (responses as Part[]).toSorted((left, right) =>
      left.id.localeCompare(right.id, undefined, { numeric: true }),
    );
  }

  function markRead(id: string, immutableId: string): Record<string, unknown> {
    const headers = { "Content-Type": "application/json", Prefer: IMMUTABLE };
    return { id, method: "PATCH", url: `/users/${ADDRESS}/messages/${immutableId}`, headers, body: { isRead: true } };
  }

  it("works on twenty parts, four at once", async () => {
    const parts = await batch(harness.deliver(20).map((immutableId, index) => markRead(String(index), immutableId)));
    assert.ok(parts.length === 20 && parts.every(({ status }) => status === 200));
    assert.ok(harness.mailbox.messages().every((message) => message.isRead));
    assert.equal(harness.graph.peakConcurrency(ADDRESS), 4);
  });

  it("has refused parts in a 200, and 424 for what depends on them", async () => {
    const [a = "", b = ""] = harness.deliver(2);
    harness.graph.throttle({ retryAfter: "5", times: 1 });
    const parts = await batch([markRead("1", a), { ...markRead("2", b), dependsOn: ["1"] }, markRead("3", b)]);
    assert.deepEqual(
      parts.map(({ status, body }) => [status, body?.error?.code]),
      [
        [429, "ApplicationThrottled"],
        [424, "FailedDependency"],
        [200, undefined],
      ],
    );
  });

  it("is refused as a whole when it is malformed", async () => {
    const [a = ""] = harness.deliver(1);
    const { headers: _, ...bare } = markRead("1", a);
    const malformed = [
      Array.from({ length: 21 }, (_part, index) => markRead(String(index), a)),
      [markRead("1", a), markRead("1", a)],
      [bare],
    ];
    for (const requests of malformed) await assert.rejects(batch(requests), { statusCode: 400, code: "BadRequest" });
    assert.equal(harness.mailbox.messages()[0]?.isRead, false);
  });
});
