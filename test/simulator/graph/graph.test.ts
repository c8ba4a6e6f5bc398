import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { GraphError, ResponseType } from "@microsoft/microsoft-graph-client";
import { sampleMails } from "../mails/sample-mails.ts";
import { ADDRESS, errorOf, IMMUTABLE, jsonOf, NOON, useGraph } from "./graph-test-harness.ts";

const harness = useGraph();

describe("a message", () => {
  it("comes back byte by byte, whatever it is, as chunked text/plain, and stays unread", async () => {
    const odd = [
      { name: "nothing", bytes: Buffer.alloc(0) },
      { name: "no mail", bytes: Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256)) },
      { name: "40 MB without a line end", bytes: Buffer.alloc(40 * 1024 * 1024, "a") },
    ];
    for (const { name, bytes } of [...sampleMails(), ...odd]) {
      const { immutableId } = harness.mailbox.deliver(bytes, { name });
      const response: Response = await harness
        .client()
        .api(`/users/${ADDRESS}/messages/${immutableId}/$value`)
        .responseType(ResponseType.RAW)
        .get();
      assert.equal(response.status, 200, name);
      assert.equal(response.headers.get("content-type"), "text/plain");
      assert.equal(response.headers.get("content-length"), null);
      assert.equal(response.headers.get("transfer-encoding"), "chunked");
      assert.ok(bytes.equals(Buffer.from(await response.arrayBuffer())), name);
    }
    assert.ok(harness.mailbox.messages().every((message) => !message.isRead));
  });

  it("has the JSON that its headers give", async () => {
    const bytes = sampleMails().find(({ name }) => name === "odd-headers.eml")?.bytes ?? Buffer.alloc(0);
    const { id } = harness.mailbox.deliver(bytes, { receivedAt: new Date("2026-11-22T08:00:00.999Z") });
    const message = await harness.client().api(`/users/${ADDRESS}/messages/${id}`).get();
    assert.equal(message.id, id);
    assert.equal(message.subject, "First of two subjects, folded");
    assert.deepEqual(message.from, { emailAddress: { name: "Doe, John", address: "john.doe@example.net" } });
    assert.match(message.internetMessageId, /^<a-very-long-message-id/);
    assert.equal(message.receivedDateTime, "2026-11-22T08:00:00Z");
    assert.equal(message.isRead, false);
  });

  it("shows only what was selected, and says what it does not have", async () => {
    const { id } = harness.mailbox.deliver(Buffer.from("Subject: a"));
    const request = harness.client().api(`/users/${ADDRESS}/messages/${id}`);
    const message = await request.select("subject").get();
    assert.deepEqual(Object.keys(message).sort(), ["@odata.context", "@odata.etag", "id", "subject"]);
    await assert.rejects(request.select("color").get(), (error: GraphError) => {
      assert.equal(error.code, "BadRequest");
      assert.match(error.message, /Could not find a property named 'color'/);
      return true;
    });
  });

  it("has long ids that may differ in their case only", async () => {
    const all = harness.deliver(27);
    const ids = harness.mailbox.messages().map(({ id }) => id);
    for (const id of [...all, ...ids]) assert.ok(id.length > 130 && id.length < 200);
    assert.equal(all[0]?.toLowerCase(), all[26]?.toLowerCase());
    assert.notEqual(all[0], all[26]);
    const { immutableId } = harness.mailbox.deliver(Buffer.from("Subject: 27"));
    harness.mailbox.remove(all[0] ?? "");
    assert.equal((await harness.get(`/messages/${immutableId}`)).status, 200);
    assert.equal((await harness.get(`/messages/${all[26]}`)).status, 200);
    assert.equal((await errorOf(await harness.get(`/messages/${all[0]}`))).code, "ErrorItemNotFound");
  });

  it("gets another regular id when it is moved, and keeps its immutable one", async () => {
    const { id, immutableId } = harness.mailbox.deliver(Buffer.from("Subject: a"));
    const moved = await harness
      .client()
      .api(`/users/${ADDRESS}/messages/${id}/move`)
      .post({ destinationId: "archive" });
    assert.notEqual(moved.id, id);
    assert.equal(harness.mailbox.messages("archive")[0]?.immutableId, immutableId);
    assert.equal((await errorOf(await harness.get(`/messages/${id}`))).code, "ErrorItemNotFound");
    const message = await jsonOf(await harness.get(`/messages/${immutableId}?$select=id`, { prefer: IMMUTABLE }));
    assert.equal(message.id, immutableId);
  });

  it("takes a read flag and categories, and goes to the deleted items", async () => {
    const { immutableId } = harness.mailbox.deliver(Buffer.from("Subject: a"));
    const request = harness.client().api(`/users/${ADDRESS}/messages/${immutableId}`);
    const patched = await request.patch({ isRead: true, categories: ["Help desk"] });
    assert.deepEqual([patched.isRead, patched.categories], [true, ["Help desk"]]);
    assert.equal(harness.mailbox.messages()[0]?.isRead, true);
    await request.delete();
    assert.equal(harness.mailbox.messages("deleteditems").length, 1);
  });

  it("fails for good when it is corrupt, in its MIME only", async () => {
    const { immutableId } = harness.mailbox.deliver(Buffer.from("Subject: a"));
    harness.mailbox.corrupt(immutableId);
    assert.deepEqual(await errorOf(await harness.get(`/messages/${immutableId}/$value`)), {
      status: 500,
      code: "ErrorContentConversionFailed",
      message: "Content conversion: Body conversion failed.",
    });
    assert.equal((await harness.get(`/messages/${immutableId}`)).status, 200);
  });

  it("cannot be read as MIME through its folder, although that is documented", async () => {
    const { id } = harness.mailbox.deliver(Buffer.from("Subject: a"));
    assert.deepEqual(await errorOf(await harness.get(`/mailFolders/inbox/messages/${id}/$value`)), {
      status: 405,
      code: "ErrorInvalidRequest",
      message: "The OData request is not supported.",
    });
  });
});

describe("what is not there", () => {
  const missing = `AAMkAD${"x".repeat(120)}AAA=`;
  const cases = [
    { what: "an unknown message", path: `/messages/${missing}`, status: 404, code: "ErrorItemNotFound" },
    { what: "what is no id", path: "/messages/42", status: 400, code: "ErrorInvalidIdMalformed" },
    { what: "an unknown folder", path: `/mailFolders/${missing}`, status: 404, code: "ErrorFolderNotFound" },
    { what: "a folder's display name", path: "/mailFolders/Posteingang", status: 400, code: "ErrorInvalidIdMalformed" },
    { what: "delta of the whole mailbox", path: "/messages/delta", status: 400, code: "BadRequest" },
    { what: "an unknown path", path: "/nothing", status: 400, code: "BadRequest" },
  ];
  for (const { what, path, status, code } of cases) {
    it(`${what} is answered with ${status} ${code}`, async () => {
      assert.partialDeepStrictEqual(await errorOf(await harness.get(path)), { status, code });
    });
  }

  it("an unknown user is answered with 404 ErrorInvalidUser", async () => {
    const response = await harness.get(`${harness.graph.origin}/v1.0/users/nobody@example.com/mailFolders/inbox`);
    assert.deepEqual(await errorOf(response), {
      status: 404,
      code: "ErrorInvalidUser",
      message: "The requested user 'nobody@example.com' is invalid.",
    });
  });

  it("the client makes errors with code and ids of it", async () => {
    const request = harness.client().api(`/users/${ADDRESS}/messages/42`);
    await assert.rejects(request.get(), (error: GraphError) => {
      assert.ok(error instanceof GraphError);
      assert.deepEqual([error.statusCode, error.code], [400, "ErrorInvalidIdMalformed"]);
      assert.ok(error.requestId);
      return true;
    });
  });
});

describe("a folder", () => {
  it("is found by its well-known name in any case, by id, by key, and under the address in any case", async () => {
    harness.deliver(3);
    harness.mailbox.setRead(harness.mailbox.messages()[0]?.immutableId ?? "", true);
    const inbox = await harness.client().api("/users/Help@Example.com/mailFolders/Inbox").get();
    assert.partialDeepStrictEqual(inbox, { displayName: "Posteingang", totalItemCount: 3, unreadItemCount: 2 });
    for (const path of [`/mailFolders/${inbox.id}`, `/mailfolders('${inbox.id}')`]) {
      assert.equal((await jsonOf(await harness.get(path))).id, inbox.id);
    }
  });

  it("lists by time of receipt, page by page", async () => {
    for (let minute = 0; minute < 25; minute += 1) {
      harness.mailbox.deliver(Buffer.from(`Subject: ${minute}`), {
        receivedAt: new Date(NOON.getTime() + minute * 60_000),
      });
    }
    const list = harness
      .client()
      .api(`/users/${ADDRESS}/mailFolders/inbox/messages`)
      .filter("receivedDateTime ge 2026-11-23T12:02:00Z and receivedDateTime le 2026-11-23T12:20:00Z")
      .select("subject")
      .orderby("receivedDateTime asc")
      .top(10);
    const first = await list.get();
    const second = await harness.client().api(first["@odata.nextLink"]).get();
    const subjects = [...first.value, ...second.value].map((message: { subject: string }) => Number(message.subject));
    assert.deepEqual(
      subjects,
      Array.from({ length: 19 }, (_, index) => index + 2),
    );
    assert.equal(second["@odata.nextLink"], undefined);
  });

  it("lists by places that move: whoever follows the links misses what moves up", async () => {
    const ids = harness.deliver(4);
    const path = "/mailFolders/inbox/messages?$orderby=receivedDateTime&$select=id&$top=2";
    const first = await jsonOf(await harness.get(path, { prefer: IMMUTABLE }));
    harness.mailbox.move(ids[0] ?? "", "archive");
    const second = await jsonOf(await harness.get(String(first["@odata.nextLink"]), { prefer: IMMUTABLE }));
    const seen = [first, second].flatMap(({ value }) => (value as { id: string }[]).map(({ id }) => id));
    assert.deepEqual(seen, [ids[0], ids[1], ids[3]]);
  });

  it("may lose the link to the next page of a list", async () => {
    harness.deliver(15);
    harness.graph.controls.lostNextLinks = 1;
    const path = "/mailFolders/inbox/messages";
    assert.equal((await jsonOf(await harness.get(path)))["@odata.nextLink"], undefined);
    assert.notEqual((await jsonOf(await harness.get(path)))["@odata.nextLink"], undefined);
  });

  it("finds folders by their name, below the root or below another, and knows them no more once they are gone", async () => {
    const { id } = harness.mailbox.addFolder({ displayName: "O'Brien", parent: "inbox" });
    const search = async (path: string) => {
      const query = `$filter=${encodeURIComponent("displayName eq 'o''brien'")}`;
      const { value } = await jsonOf(await harness.get(`${path}?${query}`));
      return (value as { id: string }[]).map((folder) => folder.id);
    };
    assert.deepEqual(await search("/mailFolders"), []);
    assert.deepEqual(await search("/mailFolders/inbox/childFolders"), [id]);
    harness.mailbox.moveFolder("O'Brien", "deleteditems");
    assert.deepEqual(await search("/mailFolders/inbox/childFolders"), []);
    assert.equal((await harness.get(`/mailFolders/${id}`)).status, 200);
    harness.mailbox.removeFolder("O'Brien");
    const gone = await errorOf(await harness.get(`/mailFolders/${id}/messages/delta`));
    assert.partialDeepStrictEqual(gone, { status: 404, code: "ErrorFolderNotFound" });
  });

  it("refuses a sort order that is not in the filter", async () => {
    const path = "/mailFolders/inbox/messages?$filter=receivedDateTime ge 2026-11-23T12:00:00Z&$orderby=subject";
    assert.partialDeepStrictEqual(await errorOf(await harness.get(path)), { status: 400, code: "InefficientFilter" });
  });
});

describe("every answer", () => {
  it("has its ids, the simulated date and the diagnostic header", async () => {
    for (const path of ["/mailFolders/inbox", "/messages/42"]) {
      const { headers } = await harness.get(path);
      assert.ok(headers.get("request-id") && headers.get("client-request-id"));
      assert.equal(headers.get("date"), "Mon, 23 Nov 2026 12:00:00 GMT");
      assert.ok(JSON.parse(headers.get("x-ms-ags-diagnostic") ?? "").ServerInfo);
    }
  });

  it("can be cut off in the middle of a body", async () => {
    const { id } = harness.mailbox.deliver(Buffer.alloc(100_000, "a"));
    harness.graph.server.plan((request) => request.path.endsWith("$value"), { kind: "cut-body", afterBytes: 50_000 });
    const response = await harness.get(`/messages/${id}/$value`);
    assert.equal(response.status, 200);
    await assert.rejects(response.arrayBuffer());
  });
});
