import type { TokenCredential } from "@azure/identity";
import { createAppHealth } from "../health/app-health.ts";
import type { MailboxRegistry } from "../mailboxes/mailbox.ts";
import type { Config } from "../platform/config.ts";
import { AppError } from "../platform/errors.ts";
import type { Secrets } from "../platform/key-vault-azure.ts";
import type { Tables } from "../platform/tables-azure.ts";
import type { Outgoing } from "../telemetry/outgoing.ts";
import { createAccessTokens } from "../tokens/access-tokens.ts";
import { createClientCredential } from "../tokens/client-credential.ts";
import { createCredentialEnd } from "../tokens/credential-end.ts";
import { concernsEveryMailbox } from "../tokens/entra-errors.ts";
import { SAVE_AFTER_MS } from "../tokens/expiry.ts";
import { createGrantStore } from "../tokens/grant-store-azure.ts";
import { createInvitations } from "../tokens/invitations-table.ts";
import { createTokenEndpoint } from "../tokens/token-endpoint.ts";
import { createTokenSealer } from "../tokens/token-sealer.ts";
import type { World } from "./mail.ts";

export interface TokenPartsOptions extends World {
  readonly config: Pick<Config, "entra" | "applicationScope" | "refreshTokenSaving">;
  readonly tables: Tables;
  readonly secrets: Secrets;
  readonly identity: TokenCredential;
  readonly registry: MailboxRegistry;
  readonly outgoing: Outgoing;
}

export type TokenParts = ReturnType<typeof createTokenParts>;

/** The way of a token: where grants lie, how tokens are renewed, and what the application proves itself with. */
export function createTokenParts(options: TokenPartsOptions) {
  const { config, tables, secrets, identity, registry, outgoing, log, now, random, sleep } = options;
  const { loginUrl, clientId, authentication } = config.entra;
  const readSecret = async (name: string) => (await secrets.read(name))?.value;
  const grants = createGrantStore({ tables, secrets });
  const sealer = createTokenSealer(secrets);
  const endpoint = createTokenEndpoint({
    ...{ loginUrl, clientId, applicationScope: config.applicationScope, now, outgoing },
    credential: createClientCredential({ authentication, identity, readSecret, log }),
  });
  /** In our own tenant, where one is named: there no customer's administrator has a say. */
  const { tenant, adminTenant = tenant } = config.entra;
  const tryCredential = adminTenant === undefined ? undefined : () => refusalIn(adminTenant);
  async function refusalIn(own: string): Promise<AppError | undefined> {
    try {
      await endpoint.applicationToken({ tenant: own, claims: undefined });
      return undefined;
    } catch (error) {
      if (error instanceof AppError) return concernsEveryMailbox(error) === "no" ? undefined : error;
      throw error;
    }
  }
  const { accessTokenFor, renew } = createAccessTokens({
    ...{ grants, endpoint, sealer, log, now, random, sleep },
    appHealth: createAppHealth({ registry, tryCredential, log, now }),
    saveAfterMs: config.refreshTokenSaving === "always" ? 0 : SAVE_AFTER_MS,
  });
  const invitations = createInvitations({ tables, now });

  return {
    ...{ grants, sealer, endpoint, accessTokenFor, renew, invitations, readSecret },
    /** When the application's own credential ends, if it does and that is known. */
    credentialEnd: createCredentialEnd({ authentication, readSecret: secrets.read }),

    /** Forgets a grant, and with it every link that could bring another one. */
    async removeGrant(mailboxId: string): Promise<void> {
      await invitations.withdraw(mailboxId);
      await grants.remove(mailboxId);
    },
  };
}
