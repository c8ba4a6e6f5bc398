import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, it } from "node:test";
import type { RestError, TransactionAction } from "@azure/data-tables";
import type { Table } from "../../shared/platform/tables-azure.ts";
import type { StorageFaults } from "../simulator/storage-faults.ts";

export interface TableUnderContract {
  table(): Promise<Table>;
  faults(): StorageFaults;
}

/** As a version that the row never had; nobody can tell from its look. */
const OTHER_ETAG = `W/"datetime'2020-01-01T00%3A00%3A00.0000000Z'"`;
const LONGEST_TEXT = "x".repeat(32 * 1024);

/** What Deskpost relies on in a table. Everything that takes the place of table storage in a test is held to it. */
export function tableContract(name: string, under: TableUnderContract): void {
  describe(`a table: ${name}`, () => {
    let table: Table;
    /** A fresh partition for each test. */
    let partitionKey: string;
    beforeEach(async () => {
      table = await under.table();
      partitionKey = randomUUID();
    });

    const key = (rowKey = "row") => ({ partitionKey, rowKey });
    const read = async (rowKey = "row") => {
      const { "odata.metadata": _, ...row } = await table.getEntity<Record<string, unknown>>(partitionKey, rowKey);
      return row;
    };
    const own = async (rowKey = "row") => {
      const { etag: _, timestamp: __, partitionKey: ___, rowKey: ____, ...properties } = await read(rowKey);
      return properties;
    };
    const refused = async (promise: Promise<unknown>, statusCode: number, code: string) =>
      await assert.rejects(promise, (error: RestError) => {
        assert.equal(error.name, "RestError");
        assert.deepEqual({ statusCode: error.statusCode, code: codeOf(error) }, { statusCode, code });
        return true;
      });

    describe("a row", () => {
      it("comes back as it was written, with its keys, version and time", async () => {
        const properties = {
          text: "naïve ☃",
          empty: "",
          whole: 42,
          half: 1.5,
          yes: true,
          no: false,
          big: 2n ** 53n + 1n,
          moment: new Date("2026-01-05T00:00:00.123Z"),
          bytes: Buffer.from([0, 255]),
        };
        const { etag } = await table.createEntity({ ...key(), ...properties });
        const { timestamp, ...row } = await read();
        assert.deepEqual(row, { ...key(), ...properties, etag });
        assert.match(String(timestamp), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z$/);
      });

      it("keeps neither undefined nor null", async () => {
        // null is outside the types, and what JSON has where a value is missing.
        await table.createEntity({ ...key(), gone: undefined, none: null as unknown as string, there: 1 });
        assert.deepEqual(await own(), { there: 1 });
      });

      it("is no object that anybody else has", async () => {
        const entity = { ...key(), moment: new Date(0), text: "written" };
        await table.createEntity(entity);
        entity.moment.setTime(1);
        entity.text = "changed";
        const first = await own();
        (first.moment as Date).setTime(2);
        assert.deepEqual(await own(), { moment: new Date(0), text: "written" });
      });

      it("is refused where there is one", async () => {
        await table.createEntity({ ...key(), text: "first" });
        await refused(table.createEntity({ ...key(), text: "second" }), 409, "EntityAlreadyExists");
        assert.deepEqual(await own(), { text: "first" });
      });

      it("that is not there is not found", async () => {
        await refused(table.getEntity(partitionKey, "row"), 404, "ResourceNotFound");
        await refused(table.updateEntity(key(), "Merge"), 404, "ResourceNotFound");
        await refused(table.updateEntity(key(), "Replace", { etag: OTHER_ETAG }), 404, "ResourceNotFound");
        await refused(table.deleteEntity(partitionKey, "row"), 404, "ResourceNotFound");
        await refused(table.deleteEntity(partitionKey, "row", { etag: OTHER_ETAG }), 404, "ResourceNotFound");
      });

      it("gives the columns that are asked for", async () => {
        const { etag } = await table.createEntity({ ...key(), one: 1, two: 2 });
        const select = (...names: string[]) =>
          table.getEntity(partitionKey, "row", { queryOptions: { select: names } }).then(withoutMetadata);
        assert.deepEqual(await select("rowKey", "one", "three"), { etag, rowKey: "row", one: 1 });
        assert.deepEqual(await select("two"), { etag, two: 2 });
      });

      it("has keys with quotes, or empty ones, but none with a slash", async () => {
        for (const rowKey of ["o'clock", "", "~", "a b"]) {
          await table.createEntity({ ...key(rowKey), rowKey });
          assert.equal((await read(rowKey)).rowKey, rowKey);
        }
        await assert.rejects(table.createEntity(key("a/b")), { statusCode: 400 });
      });

      it("holds 32 Ki characters a property, and not one more", async () => {
        await table.createEntity({ ...key(), text: LONGEST_TEXT });
        await refused(
          table.upsertEntity({ ...key(), text: `${LONGEST_TEXT}x` }, "Replace"),
          400,
          "PropertyValueTooLarge",
        );
        assert.equal((await own()).text, LONGEST_TEXT);
      });
    });

    describe("a change", () => {
      it("merged in leaves the other columns, as a replacement does not", async () => {
        await table.createEntity({ ...key(), one: 1, two: 2 });
        await table.updateEntity({ ...key(), two: 3 }, "Merge");
        assert.deepEqual(await own(), { one: 1, two: 3 });
        await table.updateEntity({ ...key(), three: 3 }, "Replace");
        assert.deepEqual(await own(), { three: 3 });
      });

      it("that names no version, or any, meets every version", async () => {
        await table.createEntity({ ...key(), one: 1 });
        await table.updateEntity({ ...key(), one: 2 }, "Merge");
        await table.updateEntity({ ...key(), one: 3 }, "Merge", { etag: "*" });
        await table.deleteEntity(partitionKey, "row", { etag: "*" });
        await refused(table.getEntity(partitionKey, "row"), 404, "ResourceNotFound");
      });

      it("gives each version an ETag of its own, and is refused with another's", async () => {
        const { etag: first } = await table.createEntity({ ...key(), one: 1 });
        const { etag: second } = await table.updateEntity({ ...key(), one: 1 }, "Merge", { etag: String(first) });
        assert.notEqual(first, second);
        assert.equal((await read()).etag, second);
        for (const etag of [String(first), OTHER_ETAG, ""]) {
          const update = (mode: "Merge" | "Replace") => table.updateEntity({ ...key(), one: 2 }, mode, { etag });
          await refused(update("Merge"), 412, "UpdateConditionNotSatisfied");
          await refused(update("Replace"), 412, "UpdateConditionNotSatisfied");
        }
        await refused(
          table.deleteEntity(partitionKey, "row", { etag: String(first) }),
          412,
          "UpdateConditionNotSatisfied",
        );
        assert.deepEqual(await own(), { one: 1 });
      });

      it("has one winner among many with the same ETag", async () => {
        const { etag } = await table.createEntity({ ...key(), winner: -1 });
        const attempts = Array.from({ length: 20 }, (_, winner) =>
          table.updateEntity({ ...key(), winner }, "Merge", { etag: String(etag) }).then(
            () => winner,
            () => undefined,
          ),
        );
        const winners = (await Promise.all(attempts)).filter((winner) => winner !== undefined);
        assert.equal(winners.length, 1);
        assert.deepEqual(await own(), { winner: winners[0] });
      });

      it("puts a row there where it must be there afterwards", async () => {
        await table.upsertEntity({ ...key(), one: 1 }, "Merge");
        await table.upsertEntity({ ...key(), two: 2 }, "Merge");
        assert.deepEqual(await own(), { one: 1, two: 2 });
        const { etag } = await table.upsertEntity({ ...key(), three: 3 }, "Replace");
        assert.deepEqual(await own(), { three: 3 });
        assert.equal((await read()).etag, etag);
      });
    });

    describe("a transaction", () => {
      const submit = (...actions: TransactionAction[]) => table.submitTransaction(actions);

      it("does all of it, and gives the new versions in the order of its actions", async () => {
        const { etag } = await table.createEntity({ ...key("known"), one: 1, two: 2 });
        await table.createEntity(key("old"));
        const { status, subResponses } = await submit(
          ["update", { ...key("known"), two: 3 }, "Merge", { etag: String(etag) }],
          ["delete", key("old")],
          ["create", { ...key("new"), one: 1 }],
          ["upsert", { ...key("known too"), one: 1 }, "Replace"],
        );
        assert.equal(status, 202);
        assert.deepEqual(
          subResponses.map(({ status: each }) => each),
          [204, 204, 204, 204],
        );
        assert.equal(subResponses[0]?.etag, (await read("known")).etag);
        assert.equal(subResponses[1]?.etag, undefined);
        assert.equal(subResponses[2]?.etag, (await read("new")).etag);
        assert.deepEqual(await own("known"), { one: 1, two: 3 });
        await refused(table.getEntity(partitionKey, "old"), 404, "ResourceNotFound");
      });

      it("does nothing where one action fails, and says which", async () => {
        const { etag } = await table.createEntity({ ...key("known"), one: 1 });
        await table.updateEntity({ ...key("known"), one: 2 }, "Merge");
        const fresh: TransactionAction = ["create", key("fresh")];
        const failing: [TransactionAction, number, string][] = [
          [["create", key("known")], 409, "EntityAlreadyExists"],
          [["update", key("unknown"), "Merge"], 404, "ResourceNotFound"],
          [["delete", key("unknown")], 404, "ResourceNotFound"],
          [
            ["update", { ...key("known"), one: 3 }, "Merge", { etag: String(etag) }],
            412,
            "UpdateConditionNotSatisfied",
          ],
        ];
        for (const [action, status, code] of failing) {
          const failed = submit(fresh, action);
          await refused(failed, status, code);
          await assert.rejects(failed, { message: /^1:/ });
          await refused(table.getEntity(partitionKey, "fresh"), 404, "ResourceNotFound");
        }
        assert.deepEqual(await own("known"), { one: 2 });
      });

      it("has each row once", async () => {
        await table.createEntity(key("known"));
        const twice = submit(["delete", key("known")], ["create", key("known")]);
        await refused(twice, 400, "InvalidDuplicateRow");
        await read("known");
      });

      it("holds 100 actions, and not one more", async () => {
        const creations = (count: number) =>
          Array.from({ length: count }, (_, index): TransactionAction => ["create", key(`${count}-${index}`)]);
        await refused(submit(...creations(101)), 400, "InvalidInput");
        await refused(table.getEntity(partitionKey, "101-0"), 404, "ResourceNotFound");
        const { subResponses } = await submit(...creations(100));
        assert.equal(subResponses.length, 100);
      });

      it("stays within one partition", async () => {
        const elsewhere: TransactionAction = ["create", { partitionKey: randomUUID(), rowKey: "row" }];
        await assert.rejects(submit(["create", key()], elsewhere), /same partitionKey/);
        await refused(table.getEntity(partitionKey, "row"), 404, "ResourceNotFound");
      });
    });

    describe("a fault", () => {
      it("that passes is not noticed", async () => {
        for (const refusal of ["server-busy", "internal-error"] as const) {
          await under.faults().plan({ kind: "refuse", refusal });
          await table.upsertEntity({ ...key(), refusal }, "Replace");
          assert.deepEqual(await own(), { refusal });
        }
        await under.faults().plan({ kind: "cut-before" });
        assert.deepEqual(await own(), { refusal: "internal-error" });
      });

      it("that lasts is thrown, and nothing is written", async () => {
        await under.faults().setOutage({ kind: "refuse", refusal: "server-busy" });
        await assert.rejects(table.createEntity(key()), { statusCode: 503 });
        await assert.rejects(table.submitTransaction([["create", key()]]), { statusCode: 503 });
        await under.faults().setOutage({ kind: "cut-before" });
        await assert.rejects(table.createEntity(key()), { statusCode: undefined, name: "RestError" });
        await under.faults().clear();
        await refused(table.getEntity(partitionKey, "row"), 404, "ResourceNotFound");
      });

      it("that loses the answer makes the client meet its own write", async () => {
        await under.faults().plan({ kind: "cut-after" });
        await refused(table.createEntity({ ...key(), one: 1 }), 409, "EntityAlreadyExists");
        const { etag } = await read();
        await under.faults().plan({ kind: "cut-after" });
        const update = table.updateEntity({ ...key(), one: 2 }, "Merge", { etag: String(etag) });
        await refused(update, 412, "UpdateConditionNotSatisfied");
        assert.deepEqual(await own(), { one: 2 });
        await under.faults().plan({ kind: "cut-after" });
        await refused(table.deleteEntity(partitionKey, "row"), 404, "ResourceNotFound");
      });

      it("that says the row was changed is believed at once", async () => {
        const { etag } = await table.createEntity({ ...key(), one: 1 });
        await under.faults().plan({ kind: "refuse", refusal: "condition-not-met" });
        const update = table.updateEntity({ ...key(), one: 2 }, "Merge", { etag: String(etag) });
        await refused(update, 412, "UpdateConditionNotSatisfied");
        assert.deepEqual(await own(), { one: 1 });
      });
    });
  });
}

/** The client puts the service's code in two places. */
function codeOf({ code, details }: RestError): unknown {
  return code ?? (details as { odataError?: { code?: unknown } } | undefined)?.odataError?.code;
}

function withoutMetadata({ "odata.metadata": _, ...row }: Record<string, unknown>): Record<string, unknown> {
  return row;
}
