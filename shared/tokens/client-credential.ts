import type { TokenCredential } from "@azure/identity";
import { type ClientAuth, ClientSecretPost } from "openid-client";
import type { ClientAuthentication } from "../platform/config.ts";
import { AppError } from "../platform/errors.ts";
import type { Log } from "../telemetry/log.ts";
import { authenticateByCertificate, readClientCertificate } from "./client-certificate.ts";

/**
 * Gives what proves to Entra that we are the registered application. It is asked before each request to the token
 * endpoint, so that a credential that was put right works at once.
 */
export type ClientCredential = () => Promise<ClientAuth>;

export interface ClientCredentialOptions {
  readonly authentication: ClientAuthentication;
  /** The managed identity. */
  readonly identity: TokenCredential;
  /** Reads a secret from Key Vault; `undefined` where it does not exist. */
  readonly readSecret: (name: string) => Promise<string | undefined>;
  readonly log: Log;
}

const ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/** The way of authentication that the configuration chose. */
export function createClientCredential({
  authentication,
  identity,
  readSecret,
  log,
}: ClientCredentialOptions): ClientCredential {
  switch (authentication.kind) {
    case "client-secret": {
      let told = "";
      return async () => {
        const stored = await readSecret(authentication.secretName);
        // A file that was stored brings its line end along, and Entra would call the secret wrong (AADSTS7000215).
        const secret = stored?.trim();
        if (stored !== undefined && stored !== secret && stored !== told) {
          told = stored;
          log.warn("white space removed", { secret: authentication.secretName });
        }
        if (!secret) {
          throw new AppError(
            "APP_MISCONFIGURED",
            `Key Vault has ${stored === undefined ? "no" : "nothing but white space in the"} secret "${authentication.secretName}": store the application's client secret there, or set ENTRA_CLIENT_AUTHENTICATION to federated-credential`,
          );
        }
        return ClientSecretPost(secret);
      };
    }
    case "certificate":
      return async () => {
        const name = authentication.certificateName;
        const secret = await readSecret(name);
        if (secret === undefined) {
          throw new AppError(
            "APP_MISCONFIGURED",
            `Key Vault has no secret "${name}": create the application's certificate there under that name, or set ENTRA_CERTIFICATE_NAME to the name that it has`,
          );
        }
        return authenticateByCertificate(await readClientCertificate(name, secret));
      };
    case "federated-credential":
      // The managed identity's own token serves as the assertion, so that no secret exists at all.
      // https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity
      return async () => {
        const assertion = await identity.getToken(`${authentication.audience}/.default`);
        if (assertion === null) {
          throw new AppError(
            "APP_MISCONFIGURED",
            "The managed identity gave no token: check that it is assigned to the app",
          );
        }
        return (_server, client, body) => {
          body.set("client_id", client.client_id);
          body.set("client_assertion_type", ASSERTION_TYPE);
          body.set("client_assertion", assertion.token);
        };
      };
  }
}
