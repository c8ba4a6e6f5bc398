import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { API_ROUTES } from "../../../shared/web/api/api-routes.ts";
import checkedIn from "../../../shared/web/api/openapi.json" with { type: "json" };
import { openApiDocument } from "../../../shared/web/api/openapi.ts";

describe("the document of the API", () => {
  it("is checked in as the table of routes makes it", () => {
    const made = JSON.parse(JSON.stringify(openApiDocument()));
    assert.deepEqual(checkedIn, made, "after a change of the table: node test/openapi.ts");
  });

  it("tells of each route what it needs, and what it answers", () => {
    const { paths } = checkedIn as { paths: Record<string, Record<string, { security: object[]; responses: object }>> };
    for (const { method, path, right } of API_ROUTES) {
      const operation = paths[`/${path.replace(/:(\w+)/g, "{$1}")}`]?.[method.toLowerCase()];
      assert.deepEqual(operation?.security, [{ [right]: [] }], `${method} ${path}`);
      assert.ok(Object.keys(operation.responses).some((status) => Number(status) < 300));
    }
  });

  it("has an id for each operation, and a right that is told of", () => {
    const operations = Object.values(checkedIn.paths).flatMap((methods) => Object.values(methods));
    const ids = operations.map(({ operationId }) => operationId);
    assert.equal(new Set(ids).size, API_ROUTES.length);
    const rights = new Set(API_ROUTES.map(({ right }) => right));
    assert.deepEqual(Object.keys(checkedIn.components.securitySchemes).sort(), [...rights].sort());
  });
});
