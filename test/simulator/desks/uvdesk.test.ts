import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { ticketMail, useUvdesk } from "./uvdesk-harness.ts";

const bed = useUvdesk();
const { last, post, textOf } = bed;

describe("UVdesk: the request", () => {
  it("keeps the mail byte for byte, 8-bit characters and broken line ends included", async () => {
    const bytes = ticketMail({ "X-Note": "caf\xe9" }, "\x00\xff\r\r\n--not-the-boundary\n\xe9");
    await textOf(bytes);
    assert.deepEqual(last()?.bytes, bytes);
  });

  it("takes the urlencoded form as well, without harm to the bytes", async () => {
    const bytes = ticketMail({}, "a+b &=% \xe9");
    const encoded = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    const answer = await fetch(bed.desk.listenerUrl, { method: "POST", headers, body: `other=1&email=${encoded}` });
    assert.equal(answer.status, 200);
    assert.deepEqual(last()?.bytes, bytes);
  });

  const missing = '{"success":false,"message":"Missing required email data in request content."}';

  it("counts a part with a file name, an empty part and a form too large as missing", async () => {
    const asFile = { disposition: 'form-data; name="email"; filename="mail.eml"' };
    for (const answer of [
      await post(ticketMail(), asFile),
      await post(ticketMail(), { disposition: 'form-data; name="mail"' }),
      await post(Buffer.alloc(0)),
      await post(ticketMail({}, "x".repeat(100_000))),
      await fetch(bed.desk.listenerUrl, { method: "POST", body: "no form at all" }),
    ]) {
      assert.deepEqual([answer.status, await answer.text()], [500, missing]);
    }
  });

  it("refuses any other method with 500", async () => {
    const answer = await fetch(bed.desk.listenerUrl);
    assert.deepEqual(
      [answer.status, await answer.text()],
      [500, '{"success":false,"message":"Request not supported."}'],
    );
  });

  it("survives what is no mail at all", async () => {
    assert.equal(
      await textOf(Buffer.from([0xff, 0x00, 0x0a])),
      "No 'from' email address was found while processing contents of email.",
    );
  });

  it("writes JSON as Symfony does", async () => {
    const body = await (await post(ticketMail({ From: "o'neil@customer.test" }))).text();
    assert.match(body, /Received email from \\u003Cinfo\\u003Eo\\u0027neil@customer\.test\\u003C\\\/info\\u003E\. Inb/);
  });
});

describe("UVdesk: bad days", () => {
  it("is unreachable, in maintenance, broken or overloaded on demand", async () => {
    bed.desk.mode = "unreachable";
    await assert.rejects(post(ticketMail()));
    bed.desk.mode = "maintenance-html";
    const maintenance = await post(ticketMail());
    assert.deepEqual([maintenance.status, maintenance.headers.get("content-type")], [200, "text/html; charset=utf-8"]);
    bed.desk.mode = "html-500";
    assert.equal((await post(ticketMail())).status, 500);
    bed.desk.mode = "503";
    assert.equal((await post(ticketMail())).status, 503);
    bed.desk.mode = "ok";
    assert.equal((await post(ticketMail())).status, 200);
  });

  it("stores a mail whose sender did not wait for the answer", async () => {
    bed.desk.mode = "slow";
    bed.desk.slowMs = 60;
    const before = bed.desk.tickets.length;
    const body = new URLSearchParams({ email: ticketMail().toString("latin1") });
    await assert.rejects(fetch(bed.desk.listenerUrl, { method: "POST", body, signal: AbortSignal.timeout(20) }));
    while (bed.desk.tickets.length === before) await setTimeout(5);
  });

  it("loses its answer, but not the mail, when a cut is planned", async () => {
    const before = bed.desk.tickets.length;
    bed.desk.standIn.plan(({ method }) => method === "POST", { kind: "cut-after" });
    const bytes = ticketMail();
    await assert.rejects(post(bytes));
    assert.equal(bed.desk.tickets.length, before + 1);
    assert.match(await textOf(bytes), /already been processed/);
  });

  it("lists its tickets, newest first and harmless", async () => {
    await textOf(ticketMail({ Subject: "<img src=x onerror=alert(1)>" }));
    const page = await (await fetch(bed.desk.origin)).text();
    assert.match(page, /&lt;img src=x/);
    assert.doesNotMatch(page, /<img/);
    assert.ok(page.indexOf(`#${bed.desk.tickets.length}`) < page.indexOf("#1<"));
  });
});
