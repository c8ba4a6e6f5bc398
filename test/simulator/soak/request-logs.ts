import type { Simulator } from "../simulator.ts";

/** The stand-ins' logs of a long run: read for what the report needs, and emptied, so that memory stays small. */
export interface RequestLogs {
  empty(): void;
  readonly refreshTokensSaved: number;
  /** The most versions that one secret of the vault has. */
  mostVersions(): number;
}

const SAVES_REFRESH_TOKEN = /^\/secrets\/(refresh-token-[^/]+)/;

export function createRequestLogs({
  entra,
  graph,
  keyVault,
  managedIdentity,
  uvdesk,
  webhook,
}: Simulator): RequestLogs {
  const servers = [entra, graph, keyVault, managedIdentity].map(({ server }) => server);
  const standIns = [...servers, uvdesk.standIn, webhook.standIn];
  const secretNames = new Set<string>();

  function empty(): void {
    for (const { method, path } of keyVault.server.requests) {
      const name = method === "PUT" ? SAVES_REFRESH_TOKEN.exec(path)?.[1] : undefined;
      if (name !== undefined) secretNames.add(name);
    }
    for (const { requests } of standIns) requests.length = 0;
  }

  // The connections at the start have saved tokens already.
  empty();
  return {
    empty,
    get refreshTokensSaved() {
      return [...secretNames].reduce((sum, name) => sum + keyVault.writes(name), 0);
    },
    mostVersions: () => Math.max(0, ...[...secretNames].map((name) => keyVault.read(name).length)),
  };
}
