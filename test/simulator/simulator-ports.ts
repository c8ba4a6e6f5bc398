import http from "node:http";
import { listen } from "./stand-in.ts";

/** Port 7071 is where `func start` puts a functions app, too. */
export const FIRST_PORT = 7071;

/** What each port of the range is for, in its order. */
const PURPOSES = [
  "deskpost",
  "page",
  "entra",
  "graph",
  "keyVault",
  "managedIdentity",
  "uvdesk",
  "webhook",
  "tables",
  "queues",
  "insights",
] as const;

type Purpose = (typeof PURPOSES)[number];

/** How many ports lie in the range. */
export const PORT_COUNT = PURPOSES.length;

/** Free ports, or a range that begins with this one. */
export type Ports = "free" | { readonly first: number };

/** The port for a purpose; 0 takes a free one. */
export function portFor(purpose: Purpose, ports: Ports): number {
  return ports === "free" ? 0 : ports.first + PURPOSES.indexOf(purpose);
}

/** A port that is kept until somebody needs it: its number goes into settings long before anything listens there. */
export interface ReservedPort {
  readonly port: number;
  release(): Promise<void>;
}

/** @throws {PortInUseError} naming the port and what it is for */
export async function reservePort(name: string, wanted: number): Promise<ReservedPort> {
  const server = http.createServer();
  const port = await listen(server, name, wanted);
  let released: Promise<void> | undefined;
  return {
    port,
    release: () => {
      released ??= new Promise((resolve) => server.close(() => resolve()));
      return released;
    },
  };
}
