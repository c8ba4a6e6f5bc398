import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decisiveFailure, GraphError } from "../../../shared/mail/message-source.ts";

describe("what a run fails by", () => {
  const throttle = (retryAfterMs: number | undefined) => ({
    error: new GraphError("GRAPH_THROTTLED", "Graph asks to wait", {
      status: 429,
      graphCode: undefined,
      requestId: undefined,
      retryAfterMs,
    }),
  });
  const storage = { error: new Error("storage") };

  it("is the first failure", () => {
    assert.equal(decisiveFailure(undefined, storage), storage);
    assert.equal(decisiveFailure(storage, throttle(300_000)), storage);
  });

  it("is of two times that Graph asks to wait the longer one; a minute where it names none", () => {
    const [short, long, unnamed] = [throttle(10_000), throttle(300_000), throttle(undefined)];
    assert.equal(decisiveFailure(short, long), long);
    assert.equal(decisiveFailure(long, short), long);
    assert.equal(decisiveFailure(short, unnamed), unnamed);
    assert.equal(decisiveFailure(unnamed, short), unnamed);
    assert.equal(decisiveFailure(long, storage), long);
  });
});
