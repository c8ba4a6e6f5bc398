import { type Answer, json } from "../stand-in.ts";

/** A refusal of Key Vault. https://learn.microsoft.com/rest/api/keyvault/secrets/set-secret/set-secret#error */
export class KeyVaultError extends Error {
  override readonly name = "KeyVaultError";
  readonly status: number;
  readonly code: string;
  readonly innerCode: string | undefined;

  constructor(status: number, code: string, message: string, innerCode?: string) {
    super(message);
    this.status = status;
    this.code = code;
    this.innerCode = innerCode;
  }
}

export function keyVaultErrorAnswer(error: KeyVaultError, headers?: Answer["headers"]): Answer {
  const innererror = error.innerCode === undefined ? {} : { innererror: { code: error.innerCode } };
  return json(error.status, { error: { code: error.code, message: error.message, ...innererror } }, headers);
}

export function badParameter(message: string): KeyVaultError {
  return new KeyVaultError(400, "BadParameter", message);
}

export function secretNotFound(nameOrId: string): KeyVaultError {
  return new KeyVaultError(
    404,
    "SecretNotFound",
    `A secret with (name/id) ${nameOrId} was not found in this key vault. If you recently deleted this secret you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182`,
  );
}

/** A read of a disabled version. */
export function secretDisabled(): KeyVaultError {
  return new KeyVaultError(403, "Forbidden", "Operation get is not allowed on a disabled secret.", "SecretDisabled");
}

/**
 * Key Vault does not take two writes of one secret at a time, and the client does not repeat them.
 * https://github.com/Azure/azure-sdk-for-net/issues/51761
 */
export function concurrentWrite(name: string): KeyVaultError {
  return new KeyVaultError(409, "Conflict", `Secret ${name} is being changed by another request; retry later.`);
}

/** Why a name cannot be written now. */
type NameConflict = "ObjectIsDeletedButRecoverable" | "ObjectIsBeingRecovered" | "ObjectIsBeingDeleted";

/** https://github.com/Azure/azure-sdk-for-net/issues/31581 */
export function nameConflict(name: string, conflict: NameConflict): KeyVaultError {
  const texts: Readonly<Record<NameConflict, string>> = {
    ObjectIsDeletedButRecoverable: `Secret ${name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the secret can only be recovered or purged.`,
    ObjectIsBeingRecovered: `Secret ${name} is currently being recovered and cannot be re-created; retry later.`,
    ObjectIsBeingDeleted: `Secret ${name} is currently being deleted and cannot be re-created; retry later.`,
  };
  return new KeyVaultError(409, "Conflict", texts[conflict], conflict);
}
