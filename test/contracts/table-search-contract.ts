import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, it } from "node:test";
import { odata } from "@azure/data-tables";
import type { Table } from "../../shared/platform/tables-azure.ts";

/** What Deskpost relies on when it searches a table, and what it might. */
export function tableSearchContract(name: string, open: () => Promise<Table>): void {
  describe(`a search in a table: ${name}`, () => {
    let table: Table;
    /** A fresh partition for each test. */
    let partitionKey: string;
    beforeEach(async () => {
      table = await open();
      partitionKey = randomUUID();
    });

    const key = (rowKey: string) => ({ partitionKey, rowKey });
    const found = async (condition: string) => {
      const filter = odata`PartitionKey eq ${partitionKey}`;
      const rows: unknown[] = [];
      for await (const row of table.listEntities({ queryOptions: { filter: `${filter} and (${condition})` } })) {
        rows.push(row.rowKey);
      }
      return rows;
    };

    const rows = {
      a: { text: "b", number: 1, flag: true, big: 5n, moment: new Date("2026-01-01T00:00:00Z") },
      b: { text: "a", number: 2.5, flag: false, big: 6n, moment: new Date("2026-01-02T00:00:00Z") },
      c: { text: "B", number: 30 },
      d: { text: "o'clock" },
    };
    beforeEach(async () => {
      for (const [rowKey, properties] of Object.entries(rows).reverse()) {
        await table.createEntity({ ...key(rowKey), ...properties });
      }
    });

    const searches: readonly (readonly [string, string])[] = [
      [odata`text eq ${"b"}`, "a"],
      [odata`text ne ${"b"}`, "bcd"],
      [odata`text gt ${"a"}`, "ad"],
      [odata`text ge ${"a"} and text lt ${"b"}`, "b"],
      [odata`text eq ${"o'clock"}`, "d"],
      ["number gt 1", "bc"],
      ["number ge 2.5 and number le 30", "bc"],
      ["number lt 2.5", "a"],
      ["flag eq true", "a"],
      ["flag eq false", "b"],
      ["flag ne true", "b"],
      ["big gt 5L", "b"],
      [odata`moment gt ${new Date("2026-01-01T00:00:00Z")}`, "b"],
      [odata`moment le ${new Date("2026-01-01T00:00:00Z")}`, "a"],
      ["Timestamp gt datetime'2020-01-01T00:00:00Z'", "abcd"],
      ["RowKey gt 'b'", "cd"],
      ["RowKey ge 'b' and RowKey lt 'd'", "bc"],
      ["RowKey ge 'b' and RowKey le 'b~'", "b"],
      ["RowKey eq 'c'", "c"],
      ["RowKey eq 'c' or RowKey eq 'a'", "ac"],
      ["not (text eq 'b')", "bcd"],
      ["not (RowKey gt 'b')", "ab"],
      ["text eq 'b' or text eq 'a' and number gt 99", "a"],
      ["(text eq 'b' or text eq 'a') and number gt 1", "b"],
      ["missing eq 'x'", ""],
      ["missing ne 'x'", ""],
      ["number eq '1'", ""],
      ["text eq 1", ""],
    ];
    for (const [condition, expected] of searches) {
      it(`finds ${expected === "" ? "nothing" : expected} by ${condition}`, async () => {
        assert.deepEqual(await found(condition), [...expected]);
      });
    }

    it("refuses what is no filter", async () => {
      for (const condition of ["text like 'x'", "startswith(text,'b')"]) {
        await assert.rejects(found(condition), { statusCode: 400 }, condition);
      }
    });

    it("gives whole rows with their versions, or the columns that are asked for", async () => {
      const filter = odata`PartitionKey eq ${partitionKey} and RowKey eq ${"d"}`;
      const { etag, timestamp } = await table.getEntity(partitionKey, "d");
      const search = async (select?: string[]) => {
        const all: unknown[] = [];
        const queryOptions = { filter, ...(select === undefined ? {} : { select }) };
        for await (const row of table.listEntities({ queryOptions })) all.push(row);
        return all;
      };
      assert.deepEqual(await search(), [{ ...key("d"), etag, timestamp, text: "o'clock" }]);
      assert.deepEqual(await search(["rowKey", "missing"]), [{ etag, rowKey: "d" }]);
    });

    it("goes through all partitions in their order, page by page, from where it stopped", async () => {
      const partitions = ["2", "1", "10"].map((end) => `${partitionKey}-${end}`);
      for (const each of partitions) {
        for (const rowKey of ["y", "x"]) await table.createEntity({ partitionKey: each, rowKey });
      }
      const filter = odata`PartitionKey ge ${`${partitionKey}-`} and PartitionKey lt ${`${partitionKey}-~`}`;
      const pages: string[][] = [];
      let token: string | undefined;
      do {
        const from = token === undefined ? {} : { continuationToken: token };
        const { value: page } = await table
          .listEntities({ queryOptions: { filter } })
          .byPage({ maxPageSize: 4, ...from })
          .next();
        assert.ok(page);
        pages.push([...page].map((row) => `${row.partitionKey?.slice(partitionKey.length)} ${row.rowKey}`));
        token = page.continuationToken;
      } while (token !== undefined);
      assert.deepEqual(pages, [
        ["-1 x", "-1 y", "-10 x", "-10 y"],
        ["-2 x", "-2 y"],
      ]);
    });

    it("reads on behind a page, though its rows were deleted meanwhile", async () => {
      const seen: string[] = [];
      const filter = odata`PartitionKey eq ${partitionKey}`;
      for await (const page of table.listEntities({ queryOptions: { filter } }).byPage({ maxPageSize: 2 })) {
        for (const { rowKey = "" } of page) {
          seen.push(rowKey);
          await table.deleteEntity(partitionKey, rowKey);
        }
      }
      assert.deepEqual(seen, ["a", "b", "c", "d"]);
      assert.deepEqual(await found("RowKey ge ''"), []);
    });
  });
}
