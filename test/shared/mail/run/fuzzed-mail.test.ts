import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { sampleMails } from "../../../simulator/mails/sample-mails.ts";
import { ADDRESS, useMailHarness } from "../mail-harness.ts";

const harness = useMailHarness();

/** What Deskpost may put in front of a mail for UVdesk, and nothing else. */
const ADDED = new RegExp(
  `^Delivered-To: ${ADDRESS}(\\r?\\n)(?:Message-ID: [\\x20-\\x7e]+(?:\\1 [\\x20-\\x7e]+)*\\1)?In-Reply-To: [\\x20-\\x7e]+(?:\\1 [\\x20-\\x7e]+)*\\1(?:References: [\\x20-\\x7e]+(?:\\1 [\\x20-\\x7e]+)*\\1)?(?:From: [\\x20-\\x7e]+(?:\\1 [\\x20-\\x7e]+)*\\1)?(?:Subject: [\\x20-\\x7e]+(?:\\1 [\\x20-\\x7e]+)*\\1)?$`,
);

const newline = fc.constantFrom("\r\n", "\n");
const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((some) => Buffer.from(some));
const word = fc.string({ unit: fc.constantFrom(..."abzAZ09-_.@<>:;=\"'\\/ \té\u{1F600}\u0000"), maxLength: 40 });
const headerName = fc.constantFrom(
  "From",
  "To",
  "Cc",
  "Subject",
  "Message-ID",
  "message-id",
  "References",
  "In-Reply-To",
  "Delivered-To",
  "Content-Type",
  "X-Odd Name",
  " folded",
  "",
);
const headerValue = fc.oneof(
  word,
  fc.constantFrom("<a@example.org>", "<a@example.org> <b@example.org>", "customer@example.org", ADDRESS, ""),
  fc.tuple(word, word).map(([one, two]) => `${one}\r\n ${two}`),
  fc.constant("x".repeat(2_000)),
);
/** Text that a form or a reader of mails might take for its own. */
const body = fc.oneof(
  bytes(200),
  word.map((text) => Buffer.from(text)),
  fc
    .constantFrom(
      "\r\n--deskpost-\r\n",
      "--\r\n",
      "\r\n\r\n",
      ".\r\n",
      '\r\nContent-Disposition: form-data; name="email"\r\n',
    )
    .map((text) => Buffer.from(text)),
  fc.constantFrom(1, 70_000, 1_100_000).map((length) => Buffer.alloc(length, "8-bit é\r\n", "latin1")),
);

/** A mail with a header, headers alone, a body alone, or bytes that are no mail at all; never empty. */
const anyMail = fc
  .tuple(newline, fc.array(fc.tuple(headerName, headerValue), { maxLength: 8 }), fc.array(body, { maxLength: 3 }))
  .map(([end, headers, parts]) =>
    Buffer.concat([
      Buffer.from(headers.map(([name, value]) => `${name}: ${value}${end}`).join("")),
      Buffer.from(end),
      ...parts,
    ]),
  );
const oneByteAtLeast = fc.oneof(
  { weight: 5, arbitrary: anyMail },
  fc.uint8Array({ minLength: 1, maxLength: 300 }).map((some) => Buffer.from(some)),
);

describe("any mail, from Graph to the desk", () => {
  for (const desk of ["webhook", "uvdesk"] as const) {
    it(`arrives byte for byte${desk === "uvdesk" ? ", but for the headers in front" : ""} (${desk})`, async () => {
      let history = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(oneByteAtLeast, { minLength: 1, maxLength: 12 }), (mails) => arrives([...mails])),
        {
          numRuns: 25,
          examples: [
            [
              sampleMails()
                .map((sample) => sample.bytes)
                .filter(({ length }) => length > 0),
            ],
          ],
        },
      );

      async function arrives(mails: Buffer[]): Promise<void> {
        const mailbox = await harness.connect({ desk, address: `history-${history++}@example.com`, folder: "inbox" });
        const { address } = await mailbox.stored();
        for (const mail of mails) mailbox.graph.deliver(mail);
        const before = harness[desk].received.length;
        await harness.run(mailbox);
        const received = harness[desk].received.slice(before).map((taken) => taken.bytes);
        for (const mail of mails) {
          const at = received.findIndex((taken) => isWhole(taken, mail, address));
          assert.notEqual(at, -1, `not there as it was: ${JSON.stringify(mail.subarray(0, 300).toString("latin1"))}`);
          received.splice(at, 1);
        }
        assert.deepEqual(received, []);
      }

      function isWhole(taken: Buffer, mail: Buffer, address: string): boolean {
        const start = taken.byteLength - mail.byteLength;
        if (start < 0 || !taken.subarray(start).equals(mail)) return false;
        const added = taken.subarray(0, start).toString("latin1").replace(address, ADDRESS);
        return desk === "webhook" ? added === "" : ADDED.test(added);
      }
    });
  }
});
