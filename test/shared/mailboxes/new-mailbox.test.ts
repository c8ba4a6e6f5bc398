import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readNewMailbox } from "../../../shared/mailboxes/new-mailbox.ts";
import { AppError } from "../../../shared/platform/errors.ts";

const valid = { address: "help@contoso.test", desk: "support" };

/** The message with which a changed request is refused. */
function refusalOf(changes: Readonly<Record<string, unknown>>): string {
  try {
    readNewMailbox({ ...valid, ...changes });
  } catch (error) {
    assert.ok(error instanceof AppError);
    assert.equal(error.code, "INPUT_INVALID");
    return error.message;
  }
  return assert.fail(`It was taken: ${JSON.stringify(changes)}`);
}

describe("a request for a new mailbox", () => {
  it("needs an address and a desk; the rest has defaults", () => {
    assert.deepEqual(readNewMailbox(valid), {
      address: "help@contoso.test",
      folder: "inbox",
      desk: "support",
      deliverFrom: undefined,
      acknowledge: { kind: "nothing" },
      access: "owner",
    });
  });

  it("is read as a form sends it, with its empty fields", () => {
    const form = {
      ...valid,
      address: " Help@Contoso.TEST ",
      folder: " inbox ",
      since: "",
      acknowledge: "nothing",
      moveTo: "",
    };
    assert.partialDeepStrictEqual(readNewMailbox(form), {
      address: "help@contoso.test",
      folder: "inbox",
      deliverFrom: undefined,
      acknowledge: { kind: "nothing" },
    });
  });

  it("takes a date, a folder id with its equals signs, and a folder to move to", () => {
    const folder = "AAMkAGI2TG93AAAA_-==";
    const read = readNewMailbox({ ...valid, folder, since: "2026-01-31", acknowledge: "move", moveTo: "archive" });
    assert.equal(read.folder, folder);
    assert.deepEqual(read.deliverFrom, new Date("2026-01-31T00:00:00Z"));
    assert.deepEqual(read.acknowledge, { kind: "move", folder: "archive" });
    assert.deepEqual(readNewMailbox({ ...valid, acknowledge: "mark-read" }).acknowledge, { kind: "mark-read" });
  });

  for (const address of [
    "o'brien@contoso.test",
    "it+printers@contoso.test",
    "r&d@contoso.test",
    "sales/emea@contoso.test",
    "100%@contoso.test",
    "adele_fabrikam.com#ext#@contoso.onmicrosoft.com",
    "$ales@contoso.test",
    "!#$%&'*+-/=?^_`{|}~@contoso.test",
    "a@b.co",
    "first.m.last-name@mail.eu.contoso-group.test",
    "hilfe@xn--bcher-kva.test",
    "hilfe@contoso.xn--p1ai",
    `${"x".repeat(64)}@contoso.test`,
  ]) {
    it(`takes whatever address Exchange gives: ${address}`, () => {
      assert.equal(readNewMailbox({ ...valid, address }).address, address);
    });
  }

  const noAddress = "address is not an e-mail address such as help@example.com";
  const noLetters = "address holds letters that no address in Microsoft 365 has; write the domain in its xn-- form";
  const noFolder = "folder is no name or id of a folder";
  for (const [changes, fault] of [
    [{ address: undefined }, "address is missing"],
    [{ address: "help" }, noAddress],
    [{ address: "help@contoso" }, noAddress],
    [{ address: "help@contoso.test/../x" }, noAddress],
    [{ address: "Help <help@contoso.test>" }, noAddress],
    [{ address: '"o brien"@contoso.test' }, noAddress],
    [{ address: '"o\\"brien"@contoso.test' }, noAddress],
    [{ address: "o\\brien@contoso.test" }, noAddress],
    [{ address: ".help@contoso.test" }, noAddress],
    [{ address: "help.@contoso.test" }, noAddress],
    [{ address: "he..lp@contoso.test" }, noAddress],
    [{ address: "help@contoso..test" }, noAddress],
    [{ address: "help@-contoso.test" }, noAddress],
    [{ address: "help@con_toso.test" }, noAddress],
    [{ address: "help@contoso.test." }, noAddress],
    [{ address: "help@[192.0.2.1]" }, noAddress],
    [{ address: "help@192.0.2.1" }, noAddress],
    [{ address: "help@contoso.test, x@y.test" }, noAddress],
    [{ address: "he lp@contoso.test" }, noAddress],
    [{ address: `${"x".repeat(65)}@contoso.test` }, noAddress],
    [{ address: "mailto:help@contoso.test" }, noAddress],
    [{ address: "help@contoso.test\r\nBcc: x@y.test" }, noAddress],
    [{ address: "hilfe@bücher.test" }, noLetters],
    [{ address: "help\u0001@contoso.test" }, noLetters],
    [{ address: `${"x".repeat(320)}@contoso.test` }, "address is longer than any address"],
    [{ folder: "inbox/messages" }, noFolder],
    [{ folder: "in\nbox" }, noFolder],
    [{ folder: "in\u0000box" }, noFolder],
    [{ folder: "half \ud83d" }, noFolder],
    [{ folder: "inbox?$top=1" }, noFolder],
    [{ folder: "inbox'" }, noFolder],
    [{ folder: ".." }, noFolder],
    [{ folder: "." }, noFolder],
    [{ folder: "x".repeat(501) }, "folder is longer than any folder id"],
    [{ desk: undefined }, "desk is missing"],
    [{ desk: " " }, "desk is missing"],
    [{ since: "soon" }, 'since "soon" is not a date such as 2026-01-31 or 2026-01-31T12:00:00Z'],
    [{ since: "5" }, 'since "5" is not a date such as 2026-01-31 or 2026-01-31T12:00:00Z'],
    [{ acknowledge: "delete" }, 'acknowledge must be "nothing", "mark-read" or "move"'],
    [{ acknowledge: "move" }, "moveTo is missing"],
    [{ acknowledge: "move", moveTo: "a/b" }, "moveTo is no name or id of a folder"],
  ] as const) {
    it(`is refused, and says why: ${fault} (${JSON.stringify(changes).slice(0, 60)})`, () => {
      assert.equal(refusalOf(changes), `The mailbox was not added: ${fault}`);
    });
  }

  it("is refused without a folder", () => {
    assert.match(refusalOf({ folder: " " }), /folder is missing/);
  });

  it("is refused with every fault at once", () => {
    const message = refusalOf({ address: "x", desk: "", since: "soon" });
    for (const field of ["address", "desk", "since"]) assert.ok(message.includes(`${field} `), message);
  });

  it("is refused where it is no object at all", () => {
    for (const input of [undefined, null, "help@contoso.test", []]) {
      assert.throws(() => readNewMailbox(input), {
        code: "INPUT_INVALID",
        message: /^The mailbox was not added: the request /,
      });
    }
  });
});
