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
        if (
          !isConflict(error) ||
          innerCodeOf(error) === "ObjectIsDeletedButRecoverable" ||
          attempt === CONFLICT_ATTEMPTS
        )
          throw error;
        await sleep(CONFLICT_WAIT_MS * attempt);
      }
    }
  }

  async function orSayWhy<T>(secret: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw new AppError("KEY_VAULT_UNAVAILABLE", `Key Vault ${vaultUrl} ${remedyFor(error, vaultUrl, secret)}`, {
        cause: error,
      });
    }
  }

  return {
    read: (name, version) =>
      orSayWhy(name, async () => {
        const secret = client.getSecret(name, version === undefined ? {} : { version });
        const found = await unlessDisabled(unlessAbsent(secret));
        if (found?.value === undefined || found.properties.version === undefined) return undefined;
        const { expiresOn } = found.properties;
        return { value: found.value, version: found.properties.version, ...(expiresOn && { expiresOn }) };
      }),
    write: (name, value, options) => orSayWhy(name, () => write(name, value, options)),
    touch: (name, version) =>
      orSayWhy(name, async () => {
        await client.updateSecretProperties(name, version, { enabled: true });
      }),
    disable: (name, version) =>
      orSayWhy(name, async () => {
        await unlessAbsent(client.updateSecretProperties(name, version, { enabled: false }));
      }),
    remove: (name) =>
      orSayWhy(name, async () => {
        await unlessAbsent(client.beginDeleteSecret(name));
      }),
  };
}

/**
 * What helps, by the innermost code: one status has many causes.
 * https://learn.microsoft.com/azure/key-vault/general/common-error-codes
 */
function remedyFor(error: unknown, vaultUrl: string, secret: string): string {
  const { name, statusCode, code, message = "" } = (error ?? {}) as Record<string, unknown>;
  if (name === "CredentialUnavailableError" || name === "AuthenticationError") {
    return "was not asked, because the managed identity gives no token: check that one is assigned to the app, and the setting MANAGED_IDENTITY_CLIENT_ID";
  }
  switch (innerCodeOf(error)) {
    case "ForbiddenByFirewall":
      return `does not let the app's network in: its firewall is the cause, not a role. Allow the app's outbound addresses or its subnet in the vault, Networking${FIREWALL_LAG}`;
    case "ForbiddenByConnection":
      return `takes private connections alone: connect the app to a network with the vault's private endpoint, and let ${new URL(vaultUrl).host} resolve to it there (zone privatelink.vaultcore.azure.net)`;
    case "SecretDisabled":
      return `holds the secret ${secret} disabled: enable its newest version there`;
    case "ObjectIsDeletedButRecoverable":
      return `keeps the secret ${secret} as deleted, and takes no new one of that name: recover it there (Manage deleted secrets; az keyvault secret recover) so that what it protects stays readable, or, only where it is worth nothing any more, purge it (az keyvault secret purge)`;
    case "ObjectIsBeingRecovered":
    case "ObjectIsBeingDeleted":
      return `is still at work on the secret ${secret}, which was recovered or purged just now: that is over within a minute, and nothing is to be done`;
  }
  if (statusCode === 429)
    return "asks for fewer requests: other users of the vault may use up its limits; give Deskpost a vault of its own if this lasts";
  if (statusCode === 403 && /private endpoint|public network access is disabled/i.test(String(message))) {
    return `takes private connections alone: connect the app to a network with the vault's private endpoint, or allow public access there`;
  }
  if (statusCode === 403 && /client address|not a trusted service|firewall/i.test(String(message))) {
    return `does not let the app's network in: its firewall is the cause, not a role. Allow the app's outbound addresses or its subnet in the vault, Networking${FIREWALL_LAG}`;
  }
  if (statusCode === 401 || statusCode === 403) {
    return 'refuses the app: give its managed identity the role "Key Vault Secrets Officer" there; a new role takes up to ten minutes to work';
  }
  if (statusCode === undefined && /ENOTFOUND|EAI_AGAIN/.test(String(code))) {
    return "has a name that nothing answers to: check the setting KEY_VAULT_URL, and whether the vault was deleted (it can be recovered for a while)";
  }
  return "does not do what it is asked: check the setting KEY_VAULT_URL and the vault's network rules";
}

const FIREWALL_LAG = "; a change takes a few minutes to work";

/** The SDK keeps Key Vault's error in `details`, its inner error spelt in two ways. */
function innerCodeOf(error: unknown): unknown {
  type Level = { code?: unknown; innererror?: Level; innerError?: Level } | undefined;
  let level = ((error ?? {}) as { details?: { error?: Level } }).details?.error;
  let code: unknown;
  while (level) {
    code = level.code ?? code;
    level = level.innererror ?? level.innerError;
  }
  return code;
}

/** A version that somebody disabled is as good as gone. A vault that refuses us altogether answers 403 too, and throws. */
async function unlessDisabled<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (innerCodeOf(error) === "SecretDisabled") return undefined;
    throw error;
  }
}
