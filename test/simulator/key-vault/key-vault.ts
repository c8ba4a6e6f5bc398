import { randomUUID } from "node:crypto";
import { type Answer, json, type SeenRequest, type StandIn, startStandIn } from "../stand-in.ts";
import type { Certificate } from "../tls.ts";
import {
  describeDeleted,
  describeSecret,
  describeVersion,
  describeVersionWithValue,
  readChange,
  readJson,
  readValue,
} from "./key-vault-bodies.ts";
import { badParameter, KeyVaultError, keyVaultErrorAnswer, secretNotFound } from "./key-vault-errors.ts";
import { createSecrets, type Secret, type SecretVersion } from "./key-vault-secrets.ts";

/** What tokens for Key Vault are issued for. */
export const KEY_VAULT_AUDIENCE = "https://vault.azure.net";

/** The most that one page of a list holds. */
const PAGE_SIZE = 25;

interface KeyVaultOptions {
  /** 0 takes a free one. */
  readonly port: number;
  readonly certificate: Certificate;
  /** Whether this bearer token opens the vault. */
  acceptsToken(token: string): boolean;
  /** The tenant that the challenge names. */
  readonly tenantId: string;
}

/** The stand-in for an Azure Key Vault: its secrets, with soft delete. */
export interface KeyVault {
  readonly origin: string;
  readonly server: StandIn;
  /** All versions of a secret, the oldest first; none when there is no such secret. For assertions. */
  read(name: string): readonly SecretVersion[];
  /** How often this name was set. */
  writes(name: string): number;
  /** The next `times` writes of this name meet another write under way: 409. */
  conflictNextWrites(name: string, times?: number): void;
}

/** https://learn.microsoft.com/rest/api/keyvault/secrets/operation-groups */
export async function startKeyVault(options: KeyVaultOptions): Promise<KeyVault> {
  const { acceptsToken, tenantId } = options;
  const secrets = createSecrets();
  const authority = `https://login.microsoftonline.com/${tenantId}`;
  const challenge = `Bearer authorization="${authority}", resource="${KEY_VAULT_AUDIENCE}"`;

  function checkToken({ headers }: SeenRequest): void {
    const token = /^Bearer (.+)$/i.exec(headers.authorization ?? "")?.[1];
    if (token === undefined) {
      throw new KeyVaultError(401, "Unauthorized", "AKV10000: Request is missing a Bearer or PoP token.");
    }
    if (!acceptsToken(token)) {
      throw new KeyVaultError(401, "Unauthorized", "AKV10046: The token is expired or not for this vault.");
    }
  }

  function handle(request: SeenRequest): Answer {
    const headers = {
      "x-ms-keyvault-region": "westeurope",
      "x-ms-request-id": randomUUID(),
      "cache-control": "no-cache",
    };
    try {
      checkToken(request);
      if (!request.query.has("api-version")) throw badParameter("The request is missing the parameter api-version.");
      const answer = route(request);
      return { ...answer, headers: { ...headers, ...answer.headers } };
    } catch (error) {
      if (!(error instanceof KeyVaultError)) throw error;
      return keyVaultErrorAnswer(error, error.status === 401 ? { ...headers, "www-authenticate": challenge } : headers);
    }
  }

  function route(request: SeenRequest): Answer {
    const [, collection, encodedName = "", rest = ""] = request.path.split("/");
    const name = decodeURIComponent(encodedName);
    if (name !== "") checkName(name);
    if (collection === "secrets") return name === "" ? list(request) : secretRoute(request, name, rest);
    if (collection === "deletedsecrets") return name === "" ? listDeleted(request) : deletedRoute(request, name, rest);
    throw methodNotAllowed(request);
  }

  function secretRoute(request: SeenRequest, name: string, rest: string): Answer {
    // The client ends the path with a slash when it names no version.
    const version = rest === "" ? undefined : rest;
    if (request.method === "GET" && rest === "versions") return listVersions(request, name);
    if (request.method === "GET") {
      const found = secrets.get(name, version);
      return json(200, describeVersionWithValue(server.origin, found.secret, found.version));
    }
    if (request.method === "PATCH") {
      const found = secrets.update(name, version, readChange(readJson(request.body)));
      return json(200, describeVersion(server.origin, found.secret, found.version));
    }
    if (request.method === "PUT" && version === undefined) return set(request, name);
    if (request.method === "DELETE" && version === undefined) {
      return json(200, describeDeleted(server.origin, secrets.delete(name)));
    }
    throw methodNotAllowed(request);
  }

  function set({ body }: SeenRequest, name: string): Answer {
    const said = readJson(body);
    const secret = secrets.set(name, readValue(said), readChange(said));
    return json(200, describeVersionWithValue(server.origin, secret, newestOf(secret)));
  }

  function deletedRoute(request: SeenRequest, name: string, rest: string): Answer {
    if (request.method === "GET" && rest === "") {
      return json(200, describeDeleted(server.origin, secrets.getDeleted(name)));
    }
    if (request.method === "POST" && rest === "recover") {
      const secret = secrets.recover(name);
      return json(200, describeVersion(server.origin, secret, newestOf(secret)));
    }
    if (request.method === "DELETE" && rest === "") {
      secrets.purge(name);
      return { status: 204 };
    }
    throw methodNotAllowed(request);
  }

  function list(request: SeenRequest): Answer {
    return page(
      request,
      secrets.list().map((secret) => describeSecret(server.origin, secret)),
    );
  }

  function listDeleted(request: SeenRequest): Answer {
    return page(
      request,
      secrets.listDeleted().map((secret) => describeDeleted(server.origin, secret)),
    );
  }

  function listVersions(request: SeenRequest, name: string): Answer {
    const secret = secrets.find(name);
    if (secret === undefined) throw secretNotFound(name);
    // In the order of their random ids, not of their age: nothing promises an order.
    const versions = secret.versions.toSorted((a, b) => (a.version < b.version ? -1 : 1));
    return page(
      request,
      versions.map((version) => describeVersion(server.origin, secret, version)),
    );
  }

  function page({ path, query }: SeenRequest, all: readonly object[]): Answer {
    const size = Number(query.get("maxresults") ?? PAGE_SIZE);
    if (!(size >= 1 && size <= PAGE_SIZE)) throw badParameter(`maxresults must be between 1 and ${PAGE_SIZE}.`);
    const start = Number(query.get("$skiptoken") ?? 0);
    const next = new URL(`${server.origin}${path}`);
    next.searchParams.set("api-version", query.get("api-version") ?? "");
    next.searchParams.set("$skiptoken", String(start + size));
    next.searchParams.set("maxresults", String(size));
    const isLast = start + size >= all.length;
    return json(200, { value: all.slice(start, start + size), nextLink: isLast ? null : next.href });
  }

  const server = await startStandIn({
    name: "Key Vault",
    port: options.port,
    certificate: options.certificate,
    handle,
  });

  return {
    origin: server.origin,
    server,
    read: (name) => secrets.find(name)?.versions ?? [],
    writes: secrets.writes,
    conflictNextWrites: (name, times = 1) => secrets.conflictNextWrites(name, times),
  };
}

function checkName(name: string): void {
  if (/^[0-9a-zA-Z-]{1,127}$/.test(name)) return;
  throw badParameter(`The request URI contains an invalid name: ${name}`);
}

function newestOf({ name, versions }: Secret): SecretVersion {
  const newest = versions.at(-1);
  if (newest === undefined) throw new Error(`The simulated secret ${name} has no version`);
  return newest;
}

function methodNotAllowed({ method, path }: SeenRequest): KeyVaultError {
  return new KeyVaultError(405, "MethodNotAllowed", `${method} is not allowed on ${path}.`);
}
