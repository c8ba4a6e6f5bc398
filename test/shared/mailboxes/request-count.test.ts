import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  countRequests,
  REQUEST_LIMIT,
  type RequestCount,
  waitForRequestsMs,
} from "../../../shared/mailboxes/request-count.ts";

const NOON = Date.parse("2026-11-23T12:00:00.000Z");
const MINUTE_MS = 60_000;
const after = (minutes: number) => new Date(NOON + minutes * MINUTE_MS);

describe("the count of requests", () => {
  it("adds up by the minute", () => {
    const first = countRequests([], 3, after(0.2));
    const second = countRequests(first, 4, after(0.9));
    assert.deepEqual(second, [{ minute: after(0), requests: 7 }]);
    assert.deepEqual(countRequests(second, 1, after(1)), [...second, { minute: after(1), requests: 1 }]);
  });

  it("forgets a minute once its last request is ten minutes old, and not before", () => {
    const count = countRequests([], 3, after(0.9));
    assert.equal(countRequests(count, 1, after(10.95)).length, 2);
    assert.deepEqual(countRequests(count, 1, after(11)), [{ minute: after(11), requests: 1 }]);
  });
});

describe("the wait for further requests", () => {
  const full: RequestCount = [
    { minute: after(0), requests: 600 },
    { minute: after(1), requests: REQUEST_LIMIT - 600 },
  ];

  it("is none up to the limit", () => {
    assert.equal(waitForRequestsMs([], REQUEST_LIMIT, after(0)), 0);
    assert.equal(waitForRequestsMs([{ minute: after(0), requests: REQUEST_LIMIT - 20 }], 20, after(1)), 0);
  });

  it("lasts until enough of them are out of the window", () => {
    assert.equal(waitForRequestsMs(full, 1, after(2)), 9 * MINUTE_MS);
    assert.equal(waitForRequestsMs(full, 601, after(2)), 10 * MINUTE_MS);
    assert.equal(waitForRequestsMs(full, 1, after(11)), 0);
  });
});
