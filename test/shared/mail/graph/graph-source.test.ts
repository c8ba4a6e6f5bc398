import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cannotOpenFolder } from "../../../../shared/mail/graph/graph-folder.ts";
import { createGraphSource } from "../../../../shared/mail/graph/graph-source.ts";
import type { MessageSource } from "../../../../shared/mail/message-source.ts";
import { type Answer, json, type SeenRequest } from "../../../simulator/stand-in.ts";
import { ADDRESS, mail, NOON, now, readsContent } from "../mail-harness.ts";
import { useGraphHarness } from "./graph-harness.ts";

const harness = useGraphHarness();
const IMMUTABLE = 'IdType="ImmutableId"';

function source({ address = ADDRESS, folder = "inbox" } = {}): MessageSource {
  return createGraphSource({ graphUrl: harness.graph.origin, address, folder, send: harness.send, now });
}

const link = (query: string) => `${harness.graph.origin}/v1.0/users/help/mailFolders/inbox/messages/delta?${query}`;
const refusal = (status: number, code: string): Answer => json(status, { error: { code, message: "…" } });
const page = (value: unknown, rest: object = { "@odata.deltaLink": link("$deltatoken=1") }) =>
  json(200, { value, ...rest });

const ANY_LINK = { "@odata.deltaLink": "https://graph.microsoft.com/v1.0/users/help/messages/delta" };

/** An id with letters that mean something in an address. */
const AWKWARD_ID = "AAkA/x+y=z?q#f%41 ä";
const ENCODED_ID = encodeURIComponent(AWKWARD_ID);

describe("changes", () => {
  it("are asked for from the start, with immutable ids, large pages and nothing that would cap them", async () => {
    await source().changes(undefined);
    const [request] = harness.requests;
    assert.equal(request?.path, "/v1.0/users/help%40example.com/mailFolders/inbox/messages/delta");
    const $select = "receivedDateTime,sentDateTime,internetMessageId,subject,from";
    assert.deepEqual(Object.fromEntries(request?.query ?? []), { $select });
    assert.equal(request?.headers.prefer, `${IMMUTABLE}, odata.maxpagesize=500`);
  });

  it("go on at a link as it was stored, with the same wishes", async () => {
    harness.answer(page([]));
    await source().changes(link("$deltatoken=a%2Bb%20c"));
    const [request] = harness.requests;
    assert.equal(request?.query.get("$deltatoken"), "a+b c");
    assert.equal(request?.headers.prefer, `${IMMUTABLE}, odata.maxpagesize=500`);
  });

  it("tell messages with their dates, and where to go on", async () => {
    const { immutableId } = harness.mailbox.deliver(mail("one"));
    const first = await source().changes(undefined);
    assert.partialDeepStrictEqual(first.messages, [{ id: immutableId, receivedAt: NOON, removed: false }]);
    assert.match(first.messages[0]?.fingerprint ?? "", /^[\w-]{43}$/);
    const again = await source().changes(first.link);
    assert.deepEqual(again.messages, []);
    assert.equal(again.complete, true);
  });

  it("tell a page that is not the last, entries without a date, and what was removed", async () => {
    const value = [
      { id: "a", isRead: true },
      { id: "b", "@removed": { reason: "deleted" } },
      { id: "c", receivedDateTime: "?" },
    ];
    harness.answer(page(value, { "@odata.nextLink": link("$skiptoken=2") }));
    assert.deepEqual(await source().changes(undefined), {
      messages: [
        { id: "a", receivedAt: undefined, removed: false, fingerprint: undefined },
        { id: "b", receivedAt: undefined, removed: true, fingerprint: undefined },
        { id: "c", receivedAt: undefined, removed: false, fingerprint: undefined },
      ],
      link: link("$skiptoken=2"),
      complete: false,
    });
  });

  it("of an address and a folder with awkward letters are asked for in the right place", async () => {
    harness.answer(page([]));
    const folder = `AAMk${"x".repeat(70)}-_==`;
    await source({ address: "o'brien+x/y@example.com", folder }).changes(undefined);
    assert.equal(
      harness.requests[0]?.path,
      `/v1.0/users/o'brien%2Bx%2Fy%40example.com/mailFolders/${encodeURIComponent(folder)}/messages/delta`,
    );
  });

  for (const [words, answer] of [
    ["without its list", page(undefined, ANY_LINK)],
    ["without a link", page([], {})],
    ["whose list is none", page({}, ANY_LINK)],
    ["with an entry without an id", page([{ receivedDateTime: NOON.toISOString() }], ANY_LINK)],
    ["that is a page for people", { status: 200, headers: { "content-type": "text/html" }, body: "<h1>Hi</h1>" }],
    ["that is empty", { status: 200 }],
  ] as const) {
    it(`never mean "no new mail" in an answer ${words}`, async () => {
      harness.answer(answer);
      await assert.rejects(source().changes(undefined), { code: "GRAPH_UNAVAILABLE" });
    });
  }
});

describe("pages that take Graph too long", () => {
  it("are asked for in smaller ones", async () => {
    harness.mailbox.deliver(mail("one"));
    harness.graph.controls.heaviestPage = 100;
    const reader = source();
    await reader.changes(undefined).finally(() => {
      harness.graph.controls.heaviestPage = undefined;
    });
    assert.deepEqual(
      harness.requests.map(({ headers }) => /maxpagesize=(\d+)/.exec(String(headers.prefer))?.[1]),
      ["500", "125", "31"],
    );
  });

  it("are given up after the third", async () => {
    for (const status of [502, 504]) {
      harness.answer({ status }, 3);
      await assert.rejects(source().list(NOON), { code: "GRAPH_UNAVAILABLE" });
      assert.deepEqual(
        harness.requests.slice(-3).map(({ query }) => query.get("$top")),
        ["999", "249", "62"],
      );
    }
  });
});

describe("a position that is of no use", () => {
  for (const [status, code] of [
    [410, "SyncStateNotFound"],
    [410, "resyncRequired"],
    [410, ""],
    [400, "syncStateInvalid"],
    [400, "ErrorInvalidUrlQuery"],
    [404, "SyncStateNotFound"],
    [404, "ErrorFolderNotFound"],
    [404, "ErrorItemNotFound"],
  ] as const) {
    it(`is told by ${status} ${code}`, async () => {
      harness.answer(refusal(status, code));
      await assert.rejects(source().changes(link("$deltatoken=1")), { code: "SYNC_STATE_LOST" });
    });
  }

  it("is a link to another server, which sees nothing of it", async () => {
    await assert.rejects(source().changes(`${harness.stranger.origin}/v1.0/users/help/messages/delta`), {
      code: "SYNC_STATE_LOST",
    });
    assert.deepEqual(harness.stranger.requests, []);
    assert.deepEqual(harness.requests, []);
  });

  for (const [status, code, expected] of [
    [403, "ErrorAccessDenied", "GRAPH_REFUSED"],
    [403, "ErrorQuotaExceeded", "CHANGES_REFUSED"],
    [405, "ErrorInvalidRequest", "CHANGES_REFUSED"],
    [501, "NotImplemented", "CHANGES_REFUSED"],
    [404, "ErrorInvalidUser", "GRAPH_REFUSED"],
    [503, "ServiceUnavailable", "GRAPH_UNAVAILABLE"],
    [429, "ApplicationThrottled", "GRAPH_THROTTLED"],
  ] as const) {
    it(`is not told by ${status} ${code}`, async () => {
      harness.answer(refusal(status, code));
      await assert.rejects(source().changes(link("$deltatoken=1")), { code: expected });
    });
  }

  it("cannot be where none was asked for: a start that fails would be made for ever", async () => {
    harness.answer(refusal(410, "SyncStateNotFound"));
    await assert.rejects(source().changes(undefined), { code: "CHANGES_REFUSED", because: "no-end" });
  });
});

describe("a message", () => {
  it("is asked for by its immutable id, encoded", async () => {
    const asked = source();
    const messagePath = `/v1.0/users/help%40example.com/messages/${ENCODED_ID}`;
    harness.answer(json(200, { receivedDateTime: NOON.toISOString() }));
    assert.deepEqual(await asked.receivedAt(AWKWARD_ID), NOON);
    harness.answer({ status: 200, body: "Subject: x\r\n\r\n" });
    await asked.content(AWKWARD_ID);
    await asked.acknowledge([AWKWARD_ID], { kind: "mark-read" });
    await asked.acknowledge([AWKWARD_ID], { kind: "move", folder: "archive" });
    const requests = harness.requests.filter(({ path }) => !path.endsWith("/$batch"));
    assert.deepEqual(
      requests.map(({ method, path }) => `${method} ${path}`),
      [`GET ${messagePath}`, `GET ${messagePath}/$value`, `PATCH ${messagePath}`, `POST ${messagePath}/move`],
    );
    assert.ok(requests.every(({ headers }) => headers.prefer === IMMUTABLE));
  });

  it("comes with every byte", async () => {
    const bytes = Buffer.from(Array.from({ length: 512 }, (_, index) => index % 256));
    const { immutableId } = harness.mailbox.deliver(bytes);
    const content = (await source().content(immutableId)) ?? assert.fail("not found");
    assert.ok(Buffer.from(await content.blob.arrayBuffer()).equals(bytes));
    await content.dispose();
  });

  it("that is gone is no error, whatever is asked of it", async () => {
    const { immutableId } = harness.mailbox.deliver(mail("one"));
    harness.mailbox.remove(immutableId);
    assert.equal(await source().receivedAt(immutableId), undefined);
    assert.equal(await source().content(immutableId), undefined);
    assert.equal((await source().acknowledge([immutableId], { kind: "mark-read" })).size, 0);
    assert.equal((await source().acknowledge([immutableId], { kind: "move", folder: "archive" })).size, 0);
  });

  for (const code of ["ErrorFolderNotFound", "ErrorInvalidUser", "ResourceNotFound"]) {
    it(`is not gone because of another 404 (${code})`, async () => {
      harness.answer(refusal(404, code), 2);
      await assert.rejects(source().content("AAkA"), { code: "GRAPH_REFUSED" });
      await assert.rejects(source().receivedAt("AAkA"), { code: "GRAPH_REFUSED" });
    });
  }

  for (const afterBytes of [0, 10, 100_000]) {
    it(`whose body breaks off after ${afterBytes} bytes is a fault of Graph, and no message`, async () => {
      const { immutableId } = harness.mailbox.deliver(mail("one", "x".repeat(200_000)));
      harness.graph.server.plan(readsContent(), { kind: "cut-body", afterBytes });
      await assert.rejects(source().content(immutableId), { code: "GRAPH_UNAVAILABLE" });
    });
  }
});

describe("acknowledging", () => {
  const MARK = { kind: "mark-read" } as const;

  it("nothing asks nothing", async () => {
    assert.equal((await source().acknowledge(["AAkA"], { kind: "nothing" })).size, 0);
    assert.deepEqual(harness.requests, []);
  });

  it("marks as read, and moves under the same id", async () => {
    const { immutableId } = harness.mailbox.deliver(mail("one"));
    await source().acknowledge([immutableId], MARK);
    await source().acknowledge([immutableId], { kind: "move", folder: "archive" });
    const [moved] = harness.mailbox.messages("archive");
    assert.deepEqual([moved?.immutableId, moved?.isRead], [immutableId, true]);
  });

  it("takes twenty messages in one request, and judges each alone", async () => {
    const ids = Array.from({ length: 20 }, (_, index) => harness.mailbox.deliver(mail(`mail-${index}`)).immutableId);
    const [gone = "", refused = "", slow = "", lost = ""] = ids;
    harness.mailbox.remove(gone);
    const marks = (id: string) => (request: SeenRequest) => request.path.endsWith(encodeURIComponent(id));
    const { graph } = harness;
    graph.server.plan(marks(refused), { kind: "answer", answer: refusal(403, "ErrorAccessDenied") });
    graph.server.plan(marks(slow), { kind: "answer", answer: { status: 429, headers: { "retry-after": "2.5" } } });
    graph.server.plan(marks(lost), { kind: "cut-after" });
    const failures = await source().acknowledge(ids, MARK);
    assert.deepEqual(
      [refused, slow, lost].map((id) => failures.get(id)?.code),
      ["GRAPH_REFUSED", "GRAPH_THROTTLED", "GRAPH_UNAVAILABLE"],
    );
    assert.equal(failures.size, 3);
    assert.equal(failures.get(slow)?.answer.retryAfterMs, 2_500);
    assert.equal(failures.get(refused)?.answer.graphCode, "ErrorAccessDenied");
    assert.equal(harness.mailbox.messages().filter(({ isRead }) => isRead).length, 17);
    assert.equal(harness.requests.filter(({ path }) => path.endsWith("/$batch")).length, 1);
  });

  it("believes nothing of a part that has no answer", async () => {
    const ids = ["one", "two"].map((name) => harness.mailbox.deliver(mail(name)).immutableId);
    harness.answer(json(200, { responses: [{ id: "1", status: 200, headers: {} }] }));
    const failures = await source().acknowledge(ids, MARK);
    assert.deepEqual([...failures.keys()], [ids[0]]);
    assert.equal(failures.get(ids[0] ?? "")?.code, "GRAPH_UNAVAILABLE");
  });

  for (const [words, answer, code] of [
    ["is refused as a whole", refusal(400, "BadRequest"), "GRAPH_REFUSED"],
    ["is answered with a page", { status: 200, body: "<html>" }, "GRAPH_UNAVAILABLE"],
    ["is answered without answers", json(200, {}), "GRAPH_UNAVAILABLE"],
    ["is throttled", { status: 429 }, "GRAPH_THROTTLED"],
  ] as const) {
    it(`that ${words} says so`, async () => {
      harness.answer(answer);
      await assert.rejects(source().acknowledge(["AAkA"], MARK), { code });
    });
  }
});

describe("the check of a folder", () => {
  it("finds nothing wrong where it opens", async () => {
    for (const { wellKnownName, displayName, id } of harness.mailbox.folders) {
      for (const folder of [wellKnownName ?? "", displayName, id]) {
        assert.equal(await cannotOpenFolder(harness.send, ADDRESS, folder), undefined);
      }
    }
  });

  it("says what is wrong where it does not", async () => {
    assert.match((await cannotOpenFolder(harness.send, ADDRESS, "Nowhere")) ?? "", /"Nowhere" of .* is not there/);
    assert.match((await cannotOpenFolder(harness.send, "nobody@example.com", "inbox")) ?? "", /no such mailbox/);
  });

  it("says nothing of the folder where Graph is failing", async () => {
    harness.answer({ status: 503 });
    await assert.rejects(cannotOpenFolder(harness.send, ADDRESS, "inbox"), { code: "GRAPH_UNAVAILABLE" });
  });
});
