import { randomUUID } from "node:crypto";
import type { TrustedIssuer } from "../entra/entra-client-authentication.ts";
import { type Claims, createSigner } from "../entra/entra-signing.ts";
import { type Answer, json, type SeenRequest, type StandIn, startStandIn } from "../stand-in.ts";

/** Tokens of managed identities live about 24 hours, and the platform hands out the same one for a long time. */
const TOKEN_LIFE_SECONDS = 24 * 60 * 60;

interface ManagedIdentityOptions {
  /** 0 takes a free one. */
  readonly port: number;
  /** The identity's object id: the `sub` of its tokens. */
  readonly principalId: string;
  readonly clientId: string;
  readonly tenantId: string;
}

/** The stand-in for a user-assigned managed identity, as App Service and Azure Functions offer it to an app. */
export interface ManagedIdentity extends TrustedIssuer {
  readonly origin: string;
  readonly server: StandIn;
  /** The environment variables in which the platform tells an app where the endpoint is. */
  readonly settings: { readonly IDENTITY_ENDPOINT: string; readonly IDENTITY_HEADER: string };
  /** Whether the token is this identity's, for this audience, and not expired. */
  verify(token: string, audience: string): boolean;
}

/** https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference */
export async function startManagedIdentity(options: ManagedIdentityOptions): Promise<ManagedIdentity> {
  const { principalId, clientId, tenantId } = options;
  const issuer = `https://login.microsoftonline.com/${tenantId}/v2.0`;
  const signer = await createSigner();
  const header = randomUUID().toUpperCase();
  const issued = new Map<string, { readonly value: string; readonly expiresOn: number }>();

  function tokenFor(audience: string): { readonly value: string; readonly expiresOn: number } {
    const now = Math.floor(Date.now() / 1000);
    const earlier = issued.get(audience);
    if (earlier !== undefined && earlier.expiresOn - now > TOKEN_LIFE_SECONDS / 2) return earlier;
    const expiresOn = now + TOKEN_LIFE_SECONDS;
    const claims: Claims = {
      aud: audience,
      iss: issuer,
      iat: now,
      nbf: now,
      exp: expiresOn,
      appid: clientId,
      idtyp: "app",
      oid: principalId,
      sub: principalId,
      tid: tenantId,
      uti: randomUUID(),
    };
    const token = { value: signer.sign(claims), expiresOn };
    issued.set(audience, token);
    return token;
  }

  /** Each of the three ways to name a user-assigned identity; without one the system-assigned is meant. */
  function isThisIdentity(query: URLSearchParams): boolean {
    const objectId = query.get("principal_id") ?? query.get("object_id");
    return query.get("client_id") === clientId || objectId === principalId;
  }

  function handle({ method, path, query, headers }: SeenRequest): Answer {
    if (path !== "/msi/token" || method !== "GET") return { status: 404 };
    if (headers["x-identity-header"] !== header) {
      return refusal(401, "The request is missing the header X-IDENTITY-HEADER, or its value is wrong.");
    }
    if (query.get("api-version") !== "2019-08-01") return refusal(400, "The parameter api-version is not supported.");
    const resource = query.get("resource") ?? "";
    if (resource === "") return refusal(400, "The parameter resource is missing.");
    if (!isThisIdentity(query)) {
      const isNamed = ["client_id", "principal_id", "object_id", "mi_res_id"].some((name) => query.has(name));
      return refusal(
        400,
        isNamed
          ? "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."
          : "Unable to load the proper Managed Identity.",
      );
    }
    const { value, expiresOn } = tokenFor(resource);
    return json(200, {
      access_token: value,
      expires_on: String(expiresOn),
      resource,
      token_type: "Bearer",
      client_id: clientId,
    });
  }

  const server = await startStandIn({ name: "the managed identity", port: options.port, handle });

  return {
    origin: server.origin,
    server,
    issuer,
    publicKeys: [signer.publicKey],
    settings: { IDENTITY_ENDPOINT: `${server.origin}/msi/token`, IDENTITY_HEADER: header },
    verify(token, audience) {
      const claims = signer.verify(token);
      return claims?.aud === audience && Number(claims.exp) > Date.now() / 1000;
    },
  };
}

function refusal(statusCode: number, message: string): Answer {
  return json(statusCode, { statusCode, message, correlationId: randomUUID() });
}
