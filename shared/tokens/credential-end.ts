import type { ClientAuthentication } from "../platform/config.ts";
import type { Secrets } from "../platform/key-vault-azure.ts";
import { readClientCertificate } from "./client-certificate.ts";

/** Gives when the application's own credential ends; `undefined` where it does not, or nobody wrote it down. */
export type CredentialEnd = () => Promise<Date | undefined>;

export interface CredentialEndOptions {
  readonly authentication: ClientAuthentication;
  readonly readSecret: Secrets["read"];
}

/**
 * A certificate carries its end. A client secret does not, and Entra tells it to administrators only: whoever stores the
 * secret sets its expiry date in Key Vault.
 */
export function createCredentialEnd({ authentication, readSecret }: CredentialEndOptions): CredentialEnd {
  switch (authentication.kind) {
    case "client-secret":
      return async () => (await readSecret(authentication.secretName))?.expiresOn;
    case "certificate":
      return async () => {
        const secret = await readSecret(authentication.certificateName);
        return secret && (await readClientCertificate(authentication.certificateName, secret.value)).endsAt;
      };
    case "federated-credential":
      return async () => undefined;
  }
}
