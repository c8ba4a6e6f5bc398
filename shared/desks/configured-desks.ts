import type { StoredMailbox } from "../mailboxes/mailbox.ts";
import { type Config, ConfigurationError } from "../platform/config.ts";
import { AppError } from "../platform/errors.ts";
import type { Tables } from "../platform/tables-azure.ts";
import type { Outgoing } from "../telemetry/outgoing.ts";
import type { Desk } from "./desk.ts";
import { createExclusiveDesk } from "./exclusive-desk-table.ts";
import type { WatchPost } from "./post.ts";
import { createUvdesk } from "./uvdesk.ts";
import { createWebhook, isSigningSecret } from "./webhook.ts";

export interface ConfiguredDesksDeps {
  readonly settings: Config["desks"];
  readonly readSecret: (name: string) => Promise<string | undefined>;
  readonly tables: Tables;
  readonly outgoing: Outgoing;
  readonly now: () => Date;
  readonly random: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

/**
 * The desks of the configuration. Gives the one that a mailbox delivers to.
 * @throws {ConfigurationError} on that call, where there is none of that name any more
 */
export function createConfiguredDesks(
  deps: ConfiguredDesksDeps,
): (mailbox: Pick<StoredMailbox, "desk" | "address">) => Desk {
  const { settings: configured, readSecret, tables, outgoing, now, random, sleep } = deps;
  const desks = new Map(Object.entries(configured).map(([name, settings]) => [name, createDesk(name, settings)]));

  function createDesk(name: string, settings: Config["desks"][string]): Desk {
    const watch: WatchPost = (post) =>
      outgoing({ service: "desk", method: "POST", route: settings.kind, desk: name }, post);
    switch (settings.kind) {
      case "uvdesk": {
        const desk = createUvdesk({ ...settings, now, watch });
        return createExclusiveDesk({ desk, url: settings.url, tables, now, random, sleep });
      }
      case "webhook":
        return createWebhook({ ...settings, secret: () => signingSecret(settings.secretName), now, watch });
    }
  }

  async function signingSecret(name: string): Promise<string> {
    const secret = await readSecret(name);
    if (secret === undefined) {
      throw new AppError(
        "CONFIGURATION_INVALID",
        `Key Vault has no secret "${name}": store the webhook's signing secret (whsec_…) there`,
      );
    }
    const trimmed = secret.trim();
    if (!isSigningSecret(trimmed)) {
      throw new AppError(
        "CONFIGURATION_INVALID",
        `The Key Vault secret "${name}" is no signing secret of a webhook: store whsec_ and the base64 of 24 to 64 random bytes there, and at the receiver`,
      );
    }
    return trimmed;
  }

  return ({ desk: name, address }) => {
    const desk = desks.get(name);
    if (desk === undefined) {
      const fault = `names no desk "${name}", which mailbox ${address} delivers to; add it, or remove the mailbox and add it with another desk`;
      throw new ConfigurationError([{ setting: "DESKS", fault }]);
    }
    return desk;
  };
}
