import type { DeskName } from "../desks/simulated-desk.ts";
import type { LogLine } from "../host/host-invocations.ts";
import { sampleMails } from "../mails/sample-mails.ts";
import { createControlActions } from "../page/control-actions.ts";
import { startControlPage } from "../page/control-page.ts";
import { type Simulator, startSimulator } from "../simulator.ts";
import type { Ports } from "../simulator-ports.ts";
import { type Deskpost, startDeskpost } from "./deskpost.ts";
import { startPacer } from "./pacer.ts";

/** Deskpost fetches each minute; nobody wants to wait for so long in front of a demo. */
const FETCH_SCHEDULE = "*/10 * * * * *";
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

interface DemoOptions {
  readonly desk: DeskName;
  readonly ports: Ports;
  log(line: LogLine): void;
}

/** Everything at once, to click through. */
export interface Demo {
  readonly simulator: Simulator;
  readonly deskpost: Deskpost;
  /** The simulator's own page. */
  readonly pageUrl: string;
  stop(): Promise<void>;
}

/** Starts the simulator, its page and Deskpost; the mailbox with the sample mails only waits for its owner. */
export async function startDemo({ desk, ports, log }: DemoOptions): Promise<Demo> {
  const simulator = await startSimulator({ ports, desk, fetchSchedule: FETCH_SCHEDULE, telemetry: true });
  try {
    fillMailbox(simulator);
    // The pacer runs the functions instead, so that time never jumps in the middle of a run.
    const deskpost = await startDeskpost(simulator, { runTimers: false, runQueues: false, log });
    const since = new Date(Date.now() - DAY_MS).toISOString();
    await deskpost.api.addMailbox({ address: simulator.mailbox.address, desk, since });
    const pacer = startPacer({ clock: simulator.clock, host: deskpost.host });
    const page = await startControlPage({
      simulator,
      pacer,
      actions: createControlActions(simulator, pacer),
      deskpostUrl: deskpost.api.pageUrl,
    });
    return {
      simulator,
      deskpost,
      pageUrl: `${page.origin}/`,
      stop: async () => {
        await page.stop();
        await pacer.stop();
        await deskpost.stop();
        await simulator.stop();
      },
    };
  } catch (error) {
    await simulator.stop();
    throw error;
  }
}

/** The samples came in one after the other, the last one just now. */
function fillMailbox({ mailbox }: Simulator): void {
  const samples = sampleMails();
  samples.forEach(({ name, bytes }, index) => {
    const receivedAt = new Date(Date.now() - (samples.length - index) * MINUTE_MS);
    mailbox.deliver(bytes, { name, receivedAt });
  });
}

/** What runs where, and the one address to open. */
export function describeDemo({ simulator, deskpost, pageUrl }: Demo, highlight: (text: string) => string): string {
  const { entra, graph, keyVault, managedIdentity, uvdesk, webhook, azurite, insights, mailbox } = simulator;
  const places: [string, string][] = [
    ["Deskpost", deskpost.host.url],
    ["Simulator's page", pageUrl],
    ["Entra", entra.origin],
    ["Microsoft Graph", graph.origin],
    ["Key Vault", keyVault.origin],
    ["Managed identity", managedIdentity.origin],
    ["UVdesk", uvdesk.origin],
    ["Webhook receiver", webhook.url],
    ["Tables", azurite.tableUrl],
    ["Queues", azurite.queueUrl],
    ["Application Insights", insights.server.origin],
  ];
  // Ports alone: of all these addresses, one is to be opened.
  return [
    "Ports in use on 127.0.0.1",
    ...places.map(([name, url]) => `  ${new URL(url).port}  ${name}`),
    "",
    `The mailbox ${mailbox.address} holds ${mailbox.messages().length} mails and waits to be connected.`,
    "Mail is fetched every 10 seconds here; in Azure it is each minute. Ctrl-C stops everything.",
    "",
    `Open ${highlight(deskpost.api.pageUrl)}, sign in as ${simulator.administrator.name.split(",")[0]}, and press “Connect”.`,
    "",
    "",
  ].join("\n");
}
