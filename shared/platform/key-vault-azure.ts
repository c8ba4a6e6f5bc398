import type { TokenCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";
import { isLoopback } from "./base-url.ts";
import { AppError } from "./errors.ts";
import { attemptTimeout } from "./sdk-timeout-azure.ts";
import { isConflict, unlessAbsent } from "./tables-azure.ts";

/** One attempt at Key Vault may take this long; the SDK tries up to four times. */
const VAULT_TIMEOUT_MS = 15_000;
/** Two writes of one secret at the same moment give 409, which the SDK does not retry. https://github.com/Azure/azure-sdk-for-net/issues/51761 */
const CONFLICT_ATTEMPTS = 4;
const CONFLICT_WAIT_MS = 500;

interface SecretValue {
  readonly value: string;
  readonly version: string;
  /** When its owner says that it ends, if anybody set that. */
  readonly expiresOn?: Date;
}

interface SecretOptions {
  readonly contentType: string;
  /** Only informs: Key Vault raises its near-expiry event by it. */
  readonly expiresOn?: Date;
}

/** The few things that Deskpost does with Key Vault's secrets. */
export interface Secrets {
  /** The newest version, or the one named; `undefined` where there is none, or it was disabled. */
  read(name: string, version?: string): Promise<SecretValue | undefined>;
  /** Stores a new version and gives its id. */
  write(name: string, value: string, options: SecretOptions): Promise<string>;
  /** Writes to a version without changing it: shows that writing is allowed. */
  touch(name: string, version: string): Promise<void>;
  /** Makes a version unreadable; `read` then does not give it. */
  disable(name: string, version: string): Promise<void>;
  remove(name: string): Promise<void>;
}

export interface SecretsOptions {
  readonly vaultUrl: string;
  readonly credential: TokenCredential;
  readonly sleep: (ms: number) => Promise<void>;
}

/**
 * Key Vault through its SDK. A 404 is absence, and so is a version that somebody disabled; everything else throws
 * KEY_VAULT_UNAVAILABLE with the setting or the role to look at.
 */
export function createSecrets({ vaultUrl, credential, sleep }: SecretsOptions): Secrets {
  const client = new SecretClient(vaultUrl, credential, {
    // A stand-in on loopback names a resource that is not its own host; a real vault is always verified.
    disableChallengeResourceVerification: isLoopback(new URL(vaultUrl)),
    additionalPolicies: attemptTimeout(VAULT_TIMEOUT_MS),
  });

  async function write(name: string, value: string, options: SecretOptions): Promise<string> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const saved = await client.setSecret(name, value, options);
        if (!saved.properties.version) throw new Error(`Key Vault named no version for the new value of ${name}`);
        return saved.properties.version;
      } catch (error) {
        if (!isConflict(error) || attempt === CONFLICT_ATTEMPTS) throw error;
        await sleep(CONFLICT_WAIT_MS * attempt);
      }
    }
  }

  async function orSayWhy<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw new AppError("KEY_VAULT_UNAVAILABLE", `Key Vault ${vaultUrl} ${remedyFor(error)}`, { cause: error });
    }
  }

  return {
    read: (name, version) =>
      orSayWhy(async () => {
        const secret = client.getSecret(name, version === undefined ? {} : { version });
        const found = await unlessDisabled(unlessAbsent(secret));
        if (found?.value === undefined || found.properties.version === undefined) return undefined;
        const { expiresOn } = found.properties;
        return { value: found.value, version: found.properties.version, ...(expiresOn && { expiresOn }) };
      }),
    write: (name, value, options) => orSayWhy(() => write(name, value, options)),
    touch: (name, version) =>
      orSayWhy(async () => {
        await client.updateSecretProperties(name, version, { enabled: true });
      }),
    disable: (name, version) =>
      orSayWhy(async () => {
        await unlessAbsent(client.updateSecretProperties(name, version, { enabled: false }));
      }),
    remove: (name) =>
      orSayWhy(async () => {
        await unlessAbsent(client.beginDeleteSecret(name));
      }),
  };
}

function remedyFor(error: unknown): string {
  const { name, statusCode } = (error ?? {}) as { name?: unknown; statusCode?: unknown };
  if (name === "CredentialUnavailableError" || name === "AuthenticationError") {
    return "was not asked, because the managed identity gives no token: check that one is assigned to the app, and the setting MANAGED_IDENTITY_CLIENT_ID";
  }
  if (statusCode === 401 || statusCode === 403) {
    return 'refuses the app: give its managed identity the role "Key Vault Secrets Officer" there; a new role takes up to ten minutes to work';
  }
  return "does not do what it is asked: check the setting KEY_VAULT_URL and the vault's network rules; the next run tries again";
}

/** A version that somebody disabled is as good as gone. A vault that refuses us altogether answers 403 too, and throws. */
async function unlessDisabled<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    const { details } = (error ?? {}) as { details?: { error?: { innerError?: { code?: unknown } } } };
    if (details?.error?.innerError?.code === "SecretDisabled") return undefined;
    throw error;
  }
}
