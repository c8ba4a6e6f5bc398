import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, beforeEach, describe, it } from "node:test";
import { Webhook } from "standardwebhooks";
import { type Clock, installClock } from "../clock.ts";
import { startWebhookReceiver, type WebhookReceiver } from "./webhook-receiver.ts";

const SECRET = `whsec_${Buffer.from("a secret of twenty-four b").toString("base64")}`;

let clock: Clock;
let receiver: WebhookReceiver;

before(async () => {
  clock = installClock();
  receiver = await startWebhookReceiver({ port: 0, secret: SECRET });
});

after(async () => {
  await receiver.stop();
  clock.uninstall();
});

beforeEach(() => receiver.answerWith(undefined));

interface Delivery {
  readonly secret: string;
  readonly at: Date;
  readonly id: string;
  /** What is sent in place of the body that was signed. */
  readonly changed: string;
}

/** Signed by the library that senders use, not by the code that verifies. */
function post(
  body: string,
  { secret = SECRET, at = new Date(), id = `msg_${randomUUID()}`, changed = body }: Partial<Delivery> = {},
) {
  const headers = {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
    "webhook-signature": new Webhook(secret).sign(id, at, body),
  };
  return fetch(receiver.url, { method: "POST", body: changed, headers });
}

describe("webhook receiver", () => {
  it("takes a signed delivery and keeps its bytes", async () => {
    const answer = await post("Subject: grüße\r\n\r\nbody", { id: "msg_bytes" });
    assert.equal(answer.status, 202);
    const last = receiver.received.at(-1);
    assert.equal(last?.bytes.toString(), "Subject: grüße\r\n\r\nbody");
    assert.equal(last?.id, "msg_bytes");
  });

  it("refuses a changed body, another secret and missing headers", async () => {
    assert.equal((await post("paid: 1", { changed: "paid: 2" })).status, 401);
    assert.equal((await post("x", { secret: `whsec_${Buffer.from("another").toString("base64")}` })).status, 401);
    const bare = await fetch(receiver.url, { method: "POST", body: "x" });
    assert.deepEqual([bare.status, await bare.json()], [401, { error: "missing signature headers" }]);
  });

  it("refuses a timestamp more than five minutes away, either way", async () => {
    const signedNow = new Date();
    clock.advance(4 * 60_000);
    assert.equal((await post("still fresh", { at: signedNow })).status, 202);
    clock.advance(2 * 60_000);
    assert.equal((await post("stale", { at: signedNow })).status, 401);
    assert.equal((await post("early", { at: new Date(Date.now() + 6 * 60_000) })).status, 401);
  });

  it("accepts one good signature among several, as while a secret is being changed", async () => {
    const at = new Date();
    const old = new Webhook(`whsec_${Buffer.from("old").toString("base64")}`).sign("msg_two", at, "x");
    const headers = {
      "webhook-id": "msg_two",
      "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
      "webhook-signature": `${old} ${new Webhook(SECRET).sign("msg_two", at, "x")}`,
    };
    assert.equal((await fetch(receiver.url, { method: "POST", body: "x", headers })).status, 202);
  });

  it("counts repetitions and leaves it to others to drop them", async () => {
    await post("once", { id: "msg_repeated" });
    await post("once", { id: "msg_repeated" });
    assert.equal(receiver.timesSeen("msg_repeated"), 2);
    assert.equal(receiver.timesSeen("msg_unknown"), 0);
  });

  it("answers with any status that a test asks for, and still keeps the delivery", async () => {
    receiver.answerWith(503);
    assert.equal((await post("x", { id: "msg_503" })).status, 503);
    assert.equal(receiver.timesSeen("msg_503"), 1);
  });

  it("shows what came on a page, harmlessly", async () => {
    await post("x", { id: "<script>alert(1)</script>" });
    const page = await (await fetch(receiver.url)).text();
    assert.match(page, /&lt;script&gt;alert/);
    assert.doesNotMatch(page, /<script>/);
  });
});
