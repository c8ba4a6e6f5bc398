import { ManagedIdentityCredential, type TokenCredential } from "@azure/identity";
import { attemptTimeout } from "./sdk-timeout-azure.ts";

/** One attempt at the managed identity endpoint, which is on the same machine, may take this long. */
const IDENTITY_TIMEOUT_MS = 10_000;

/**
 * The app's managed identity: Key Vault, tables, queue, and the assertion that stands for a client secret.
 * @param clientId of the user-assigned one; without it the system-assigned one
 */
export function createManagedIdentity(clientId: string | undefined): TokenCredential {
  return new ManagedIdentityCredential({
    ...(clientId === undefined ? {} : { clientId }),
    additionalPolicies: attemptTimeout(IDENTITY_TIMEOUT_MS),
  });
}
