import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Deskpost, startDeskpost } from "./simulator/run/deskpost.ts";
import { connectMailbox } from "./simulator/run/once.ts";
import { type Simulator, startSimulator } from "./simulator/simulator.ts";

/** Telemetry is there to help: a mistake in its setting must not cost the mail. */
describe("a connection string that is none", () => {
  let simulator: Simulator;
  let deskpost: Deskpost;
  const messages: string[] = [];

  before(async () => {
    simulator = await startSimulator({ ports: "free", desk: "uvdesk" });
    const settings = { ...simulator.settings, APPLICATIONINSIGHTS_CONNECTION_STRING: "nonsense" };
    const log = ({ message }: { readonly message: string }) => messages.push(message);
    deskpost = await startDeskpost({ ...simulator, settings }, { runTimers: false, runQueues: false, log });
  });
  after(async () => {
    await deskpost.stop();
    await simulator.stop();
  });

  it("lets mail be fetched all the same, and is told in the log", async () => {
    await connectMailbox(simulator, deskpost);
    simulator.mailbox.deliver(Buffer.from("From: a@example.org\r\nMessage-ID: <1@example.org>\r\n\r\nHello.\r\n"));
    simulator.clock.advance(60_000);
    await deskpost.fetchMail();
    assert.equal(simulator.uvdesk.tickets.length, 1);
    const told = messages.filter((message) => message.includes('"telemetry failed"'));
    assert.equal(told.length, 1);
    assert.match(told[0] ?? "", /not started: .*instrumentation key/i);
  });
});
