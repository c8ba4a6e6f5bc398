import http from "node:http";
import { type Azurite, startAzurite } from "../simulator/azurite.ts";
import { listen } from "../simulator/stand-in.ts";

/** Azurite, far away. */
export interface SlowAzurite {
  readonly connectionString: string;
  stop(): Promise<void>;
}

/** Stands in front of Azurite: each request comes through when `wait` is over. */
export async function startSlowAzurite(wait: () => Promise<void>): Promise<SlowAzurite> {
  const azurite: Azurite = await startAzurite({ tablePort: 0, queuePort: 0 });
  const { hostname, port } = new URL(azurite.tableUrl);
  const agent = new http.Agent({ keepAlive: true });

  async function pass(incoming: http.IncomingMessage, outgoing: http.ServerResponse): Promise<void> {
    await wait();
    const { method, url: path, headers } = incoming;
    const request = http.request({ agent, hostname, port, method, path, headers });
    request.on("response", (answer) => {
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing);
    });
    request.on("error", (error) => outgoing.destroy(error));
    incoming.pipe(request);
  }

  const server = http.createServer((incoming, outgoing) => void pass(incoming, outgoing));
  const ownPort = await listen(server, "slow storage", 0);
  return {
    connectionString: azurite.connectionString.replace(azurite.tableUrl, azurite.tableUrl.replace(port, `${ownPort}`)),
    stop: async () => {
      server.close();
      server.closeAllConnections();
      agent.destroy();
      await azurite.stop();
    },
  };
}
