import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, afterEach, before, describe, it } from "node:test";
import { generate } from "selfsigned";
import { Webhook } from "standardwebhooks";
import type { Desk } from "../../../shared/desks/desk.ts";
import { createWebhook } from "../../../shared/desks/webhook.ts";
import { AppError } from "../../../shared/platform/errors.ts";
import { type Clock, installClock } from "../../simulator/clock.ts";
import { startWebhookReceiver, type WebhookReceiver } from "../../simulator/desks/webhook-receiver.ts";
import { MAILBOX, mailWith } from "../../simulator/mails/example-mail.ts";
import { sampleMails } from "../../simulator/mails/sample-mails.ts";
import { startStandIn } from "../../simulator/stand-in.ts";
import { deliveryOf } from "./delivery-of.ts";

const SECRET = `whsec_${randomBytes(32).toString("base64")}`;
const now = () => new Date();

let clock: Clock;
let receiver: WebhookReceiver;
let desk: Desk;

before(async () => {
  clock = installClock();
  receiver = await startWebhookReceiver({ port: 0, secret: SECRET });
  desk = createWebhook({ url: receiver.url, secret: async () => SECRET, now });
});
afterEach(() => {
  receiver.answerWith(undefined);
  receiver.standIn.clearFaults();
  receiver.standIn.setDown(false);
});
after(async () => {
  await receiver.stop();
  clock.uninstall();
});

const arrived = () => receiver.received.at(-1) ?? assert.fail("Nothing arrived");

describe("a webhook", () => {
  it("is signed so that the library of Standard Webhooks takes it", async () => {
    const mail = mailWith({ Subject: "plain" }, "a body in ASCII\r\n");
    const delivery = deliveryOf(mail);
    assert.partialDeepStrictEqual(await desk.deliver(delivery), { kind: "accepted", reference: undefined });
    const { headers, bytes } = arrived();
    const signed = Object.fromEntries(
      ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) => [name, String(headers[name])]),
    );
    // It wants JSON of what it has verified; all but that must be fine.
    const verify = (body: string) => () => new Webhook(SECRET).verify(body, signed);
    assert.throws(verify(bytes.toString()), SyntaxError);
    assert.throws(verify(`${bytes}x`), { name: "WebhookVerificationError", message: /No matching signature/ });
    assert.equal(headers["webhook-id"], delivery.idempotencyKey);
    assert.equal(headers["content-type"], "message/rfc822");
    assert.equal(headers["deskpost-mailbox"], MAILBOX);
  });

  for (const { name, bytes } of sampleMails()) {
    it(`carries the mail byte for byte, and its signature covers them: ${name}`, async () => {
      assert.equal((await desk.deliver(deliveryOf(bytes))).kind, "accepted");
      assert.ok(arrived().bytes.equals(bytes));
    });
  }

  it("carries whatever comes: nothing at all, or 3 MB of random bytes", async () => {
    for (const bytes of [Buffer.alloc(0), randomBytes(3_000_000)]) {
      assert.equal((await desk.deliver(deliveryOf(bytes))).kind, "accepted");
      assert.ok(arrived().bytes.equals(bytes));
    }
  });

  it("gets nothing any more once the claim on the message is about to end", async () => {
    const before = receiver.received.length;
    const late = await desk.deliver(deliveryOf(mailWith(), { offerUntil: new Date() }));
    assert.equal(late.kind === "try-again" && late.code, "BUSY");
    assert.equal(receiver.received.length, before);
  });

  it("gets nothing either where the claim ended while the vault was asked for the secret", async () => {
    const slow = createWebhook({
      url: receiver.url,
      async secret() {
        clock.advance(60_000);
        return SECRET;
      },
      now,
    });
    const before = receiver.received.length;
    const late = await slow.deliver(deliveryOf(mailWith(), { offerUntil: new Date(clock.now() + 30_000) }));
    assert.equal(late.kind === "try-again" && late.code, "BUSY");
    assert.equal(receiver.received.length, before);
  });

  it("has the same id for each attempt, and the time of the attempt", async () => {
    const delivery = deliveryOf(mailWith());
    await desk.deliver(delivery);
    clock.advance(60 * 60_000);
    const again = { ...delivery, offerUntil: new Date(clock.now() + 60_000) };
    assert.equal((await desk.deliver(again)).kind, "accepted", "an hour later the old timestamp would be refused");
    assert.equal(receiver.timesSeen(delivery.idempotencyKey), 2);
  });

  it("asks for the secret each time, so that a new one works at once", async () => {
    let secret = `whsec_${randomBytes(24).toString("base64")}`;
    const changing = createWebhook({ url: receiver.url, secret: async () => secret, now });
    assert.partialDeepStrictEqual(await changing.deliver(deliveryOf(mailWith())), {
      kind: "try-again",
      because: "desk",
      code: "HTTP_401",
    });
    secret = SECRET;
    assert.equal((await changing.deliver(deliveryOf(mailWith()))).kind, "accepted");
  });

  it("is not sent where there is no secret: that is a fault of ours, and thrown", async () => {
    const unset = createWebhook({
      url: receiver.url,
      secret: () => Promise.reject(new AppError("CONFIGURATION_INVALID", "Key Vault has no secret")),
      now,
    });
    const before = receiver.received.length;
    await assert.rejects(unset.deliver(deliveryOf(mailWith())), { code: "CONFIGURATION_INVALID" });
    assert.equal(receiver.received.length, before);
  });
});

describe("a receiver's answer", () => {
  for (const [status, expected] of [
    [200, { kind: "accepted" }],
    [202, { kind: "accepted" }],
    [204, { kind: "accepted" }],
    [422, { kind: "refused", code: "HTTP_422" }],
    [400, { kind: "try-again", because: "message", code: "HTTP_400" }],
    [413, { kind: "impossible", code: "TOO_LARGE" }],
    [500, { kind: "try-again", because: "message", code: "HTTP_500" }],
    // Of an endpoint that was closed: all mail would be refused for good.
    [410, { kind: "try-again", because: "desk", code: "HTTP_410" }],
    [429, { kind: "try-again", because: "desk", code: "HTTP_429" }],
    [503, { kind: "try-again", because: "desk", code: "HTTP_503" }],
  ] as const) {
    it(`of ${status} is read as ${expected.kind}`, async () => {
      receiver.answerWith(status);
      assert.partialDeepStrictEqual(await desk.deliver(deliveryOf(mailWith())), expected);
    });
  }

  it("of 200 with a page for people is no yes: a sign-in or a parked domain stores nothing", async () => {
    for (const body of [
      "<!DOCTYPE html><title>Sign in</title>",
      "\n <html><body>This domain is for sale</body></html>",
    ]) {
      receiver.standIn.plan(() => true, { kind: "answer", answer: { status: 200, body } });
      assert.partialDeepStrictEqual(await desk.deliver(deliveryOf(mailWith())), {
        kind: "try-again",
        because: "desk",
        code: "NOT_THE_DESK",
        uncertain: true,
      });
    }
    const headers = { "content-type": "text/html" };
    receiver.standIn.plan(() => true, { kind: "answer", answer: { status: 200, headers, body: "ok" } });
    assert.equal((await desk.deliver(deliveryOf(mailWith()))).kind, "accepted", "PHP calls everything HTML");
  });

  it("names the time after which to come back", async () => {
    const at = new Date(Date.now() + 90_000).toUTCString();
    for (const [retryAfter, least, most] of [
      ["45", 45_000, 45_000],
      [at, 85_000, 90_000],
    ] as const) {
      const answer = { status: 429, headers: { "retry-after": retryAfter } };
      receiver.standIn.plan(() => true, { kind: "answer", answer });
      const said = await desk.deliver(deliveryOf(mailWith()));
      assert.ok(said.kind === "try-again" && said.retryAfterMs !== undefined);
      assert.ok(said.retryAfterMs >= least && said.retryAfterMs <= most, String(said.retryAfterMs));
    }
  });

  it("is kept in few words, on one line", async () => {
    const body = `no\r\nsuch\tproject ${"x".repeat(1_000)}`;
    receiver.standIn.plan(() => true, { kind: "answer", answer: { status: 422, body } });
    const { words } = await desk.deliver(deliveryOf(mailWith()));
    assert.match(words, /^HTTP 422 no such project x+…$/);
    assert.equal(words.length, 300);
  });

  it("is cut between characters, never within one", async () => {
    const body = `${"x".repeat(289)}😀 refused because of a rule that somebody made`;
    receiver.standIn.plan(() => true, { kind: "answer", answer: { status: 422, body } });
    const { words } = await desk.deliver(deliveryOf(mailWith()));
    assert.equal(words, `HTTP 422 ${"x".repeat(289)}…`);
  });

  it("that redirects is not followed: the mail goes to nobody else", async () => {
    const { requests } = receiver.standIn;
    requests.length = 0;
    const answer = { status: 307, headers: { location: `${receiver.url}elsewhere` } };
    receiver.standIn.plan(() => true, { kind: "answer", answer });
    assert.partialDeepStrictEqual(await desk.deliver(deliveryOf(mailWith())), { kind: "try-again", code: "REDIRECT" });
    assert.equal(requests.length, 1);
  });

  it("that got lost leaves it uncertain whether the mail arrived", async () => {
    const delivery = deliveryOf(mailWith());
    receiver.standIn.plan(() => true, { kind: "cut-after" });
    assert.partialDeepStrictEqual(await desk.deliver(delivery), {
      kind: "try-again",
      because: "desk",
      uncertain: true,
    });
    assert.equal((await desk.deliver(delivery)).kind, "accepted");
    assert.equal(receiver.timesSeen(delivery.idempotencyKey), 2, "the receiver tells repetitions by the id");
  });

  it("that never came because nothing listens is certain: the mail did not arrive", async () => {
    const gone = await startWebhookReceiver({ port: 0 });
    await gone.stop();
    const unreachable = createWebhook({ url: gone.url, secret: async () => SECRET, now });
    assert.partialDeepStrictEqual(await unreachable.deliver(deliveryOf(mailWith())), {
      kind: "try-again",
      because: "desk",
      code: "NO_ANSWER",
      uncertain: false,
    });
  });
});

it("a webhook is not sent to a receiver whose certificate nobody vouches for", async () => {
  const { private: key, cert } = await generate([{ name: "commonName", value: "127.0.0.1" }], { keyType: "ec" });
  const impostor = await startStandIn({
    name: "Impostor",
    port: 0,
    certificate: { key, cert },
    handle: () => ({ status: 200 }),
  });
  try {
    const deceived = createWebhook({ url: impostor.origin, secret: async () => SECRET, now });
    assert.partialDeepStrictEqual(await deceived.deliver(deliveryOf(mailWith())), {
      kind: "try-again",
      because: "desk",
      code: "NO_ANSWER",
      uncertain: false,
    });
    assert.equal(impostor.requests.length, 0);
  } finally {
    await impostor.stop();
  }
});
