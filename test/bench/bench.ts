import { stdout } from "node:process";
import { parseArgs } from "node:util";
import { readWholeNumber, runCommand } from "../simulator/run/command-line.ts";
import { runLargeTick } from "./large-tick.ts";
import { type Latencies, type MailPathCost, runMailPath } from "./mail-path.ts";
import { measureLargeTick } from "./measured-tick.ts";
import { startSlowStorage } from "./slow-storage.ts";

const HELP = `How fast Deskpost is: a tick with 10,000 mailboxes due, and the backlog of one mailbox. Waiting for
Microsoft and the desk is counted, not lived through, and the processor time is that of the product alone.

  npm run bench -- [options]

Options
  --mails N   mails in the backlog (default 240)
  --help      this text
`;

const MAILBOXES = 10_000;
const LATENCIES: Latencies = { graphMs: 130, storageMs: 10, deskMs: 200 };
const SMALL_BYTES = 20_000;
const LARGE_BYTES = 1_000_000;
/** What Graph allows for one mailbox, as shared/mail/graph/request-budget.ts has it. */
const STREAMS = 3;
const REQUESTS_A_SECOND = 9_600 / 600;
/** What each desk takes side by side. */
const AT_ONCE = { webhook: 3, uvdesk: 1 } as const;

await runCommand("npm run bench", async (args) => {
  const options = { mails: { type: "string", default: "240" }, help: { type: "boolean", default: false } } as const;
  const { values } = parseArgs({ args, options, strict: true, allowPositionals: false });
  if (values.help) {
    stdout.write(HELP);
    return 0;
  }
  const mails = readWholeNumber("mails", values.mails, 1, 100_000);
  await tellLargeTick();
  await tellMailPath(mails);
  return 0;
});

async function tellLargeTick(): Promise<void> {
  const { storageMs: latencyMs } = LATENCIES;
  const real = await measureLargeTick({ mailboxes: MAILBOXES, latencyMs, pace: "real" });
  // Requests one after the other alone, which is the same on any machine.
  const storage = await startSlowStorage({ mailboxes: MAILBOXES, latencyMs, pace: "rounds" });
  await runLargeTick(storage);
  await storage.stop();
  stdout.write(
    `${MAILBOXES} mailboxes due, storage ${latencyMs} ms a request: ${real.messages} queued with ${real.requests} requests in ${seconds(storage.simulatedMs)} of storage and ${seconds(real.processorMs)} of processor time; together ${seconds(real.tookMs)} on this machine\n`,
  );
}

async function tellMailPath(mails: number): Promise<void> {
  const { graphMs, storageMs, deskMs } = LATENCIES;
  stdout.write(
    `\nA mailbox with a backlog of ${mails}: Graph ${graphMs} ms a request, storage ${storageMs}, desk ${deskMs}\n`,
  );
  for (const desk of ["webhook", "uvdesk"] as const) {
    const bounds = [
      `${perSecond(AT_ONCE[desk] / deskMs)} by a desk that takes ${AT_ONCE[desk]} at once`,
      `${perSecond(STREAMS / graphMs)} by ${STREAMS} streams from Graph`,
      `${REQUESTS_A_SECOND} by Graph's requests`,
    ];
    for (const mailBytes of [SMALL_BYTES, LARGE_BYTES]) {
      const { backlog, checks } = await runMailPath({ desk, mails, mailBytes, latencies: LATENCIES });
      stdout.write(`${desk}, mails of ${mailBytes / 1_000} KB: ${tellBacklog(backlog)}\n`);
      if (mailBytes === LARGE_BYTES) stdout.write(`  at most ${bounds.join(", ")}; ${tellChecks(checks)}\n`);
    }
  }
}

/** Processor time counts on top, as if nothing else waited meanwhile: the slowest that it can be on such a processor. */
function tellBacklog({ delivered, waitedMs, processorMs, requests }: MailPathCost): string {
  const each = (total: number) => (total / delivered).toFixed(1);
  return [
    `${perSecond(delivered / (waitedMs + processorMs))} a second`,
    `each ${each(requests.graphMs)} requests to Graph, ${each(requests.storageMs)} to storage, ${each(requests.deskMs)} to the desk, ${each(processorMs)} ms of processor time`,
  ].join("; ");
}

function tellChecks({ runs, waitedMs, processorMs, requests }: MailPathCost): string {
  const each = (total: number) => (total / runs).toFixed(0);
  return `a check that finds nothing: ${each(requests.graphMs)} request to Graph, ${each(requests.storageMs)} to storage, ${each(waitedMs)} ms, ${(processorMs / runs).toFixed(1)} ms of processor time`;
}

function perSecond(each: number): string {
  return (each * 1_000).toFixed(1);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
