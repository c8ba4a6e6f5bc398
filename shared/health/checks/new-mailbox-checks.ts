import { type DeskProbe, isAnswering, isNothingThere } from "../../desks/desk-probe.ts";
import type { NewMailbox } from "../../mailboxes/new-mailbox.ts";
import type { RedirectProbe } from "../../tokens/redirect-probe.ts";
import { organisationCheck, tenantOf } from "./organisation-check.ts";
import { redirectRemedy } from "./redirect-remedy.ts";
import { type CheckStep, type Finding, runChecks } from "./run-checks.ts";

export interface NewMailboxChecksDeps {
  /** The id of the tenant behind a domain or id. @throws where Microsoft knows none, or does not answer */
  readonly tenantId: (tenant: string) => Promise<string>;
  /** The setting ENTRA_TENANT. */
  readonly tenant: string | undefined;
  readonly probeRedirect: (tenant: string) => Promise<RedirectProbe>;
  readonly redirectUrl: string;
  readonly clientId: string;
  /** Graph's permissions that the mailbox needs. */
  readonly scopes: (wanted: { readonly writes: boolean }) => readonly string[];
  /** Addresses of the desks of the configuration, by name. */
  readonly deskUrls: Readonly<Record<string, string>>;
  readonly probeDesk: (url: string) => Promise<DeskProbe>;
  readonly now: () => Date;
}

/**
 * Tries, before a mailbox is added, what can be tried without its owner. Nothing is changed by it. A warning is what
 * only the sign-in will tell.
 */
export function createNewMailboxChecks(
  deps: NewMailboxChecksDeps,
): (wanted: NewMailbox) => Promise<readonly CheckStep[]> {
  const { redirectUrl, clientId, tenant, now } = deps;

  async function redirect(address: string): Promise<Finding> {
    const probe = await deps.probeRedirect(tenantOf({ tenant, address }) ?? "");
    const evidence = { redirectUrl };
    if (probe.kind === "registered") return { result: "ok", evidence };
    if (probe.kind === "unclear") {
      return {
        result: "warning",
        evidence: {},
        remedy: "Microsoft gave no clear answer. The first sign-in will tell.",
      };
    }
    const refusal = { entraCode: `AADSTS${probe.code}`, ...evidence };
    return { result: "failed", evidence: refusal, remedy: redirectRemedy(probe.code, clientId, redirectUrl) };
  }

  async function permissions({ access, acknowledge }: NewMailbox): Promise<Finding> {
    if (access === "application") {
      const remedy =
        "If none is listed: API permissions, Microsoft Graph, application permissions, Mail.Read or Mail.ReadWrite.";
      return { result: "warning", evidence: { kind: access }, remedy };
    }
    const scopes = deps.scopes({ writes: acknowledge.kind !== "nothing" }).join(", ");
    const remedy =
      "The sign-in will tell whether the organisation wants an administrator's approval; its page then gives the link to forward.";
    return { result: "warning", evidence: { kind: access, scopes }, remedy };
  }

  async function desk({ desk: name }: NewMailbox): Promise<Finding> {
    const url = deps.deskUrls[name];
    if (url === undefined) {
      const remedy = `The setting DESKS names: ${Object.keys(deps.deskUrls).join(", ")}.`;
      return { result: "failed", evidence: { desk: name }, remedy };
    }
    const probe = await deps.probeDesk(url);
    const evidence = { desk: name, host: new URL(url).host, ...probe };
    if (isNothingThere(probe)) {
      const remedy = `Something answers there, and says that there is nothing at this address. Check the address of “${name}” in the setting DESKS; some receivers answer so to everything but mail, and the first mail will tell.`;
      return { result: "warning", evidence, remedy };
    }
    if (isAnswering(probe)) return { result: "ok", evidence };
    const remedy = `Check the address of “${name}” in the setting DESKS, that the desk runs, and that its firewall lets Deskpost in. Until then mail stays pending; none is lost.`;
    return { result: "failed", evidence, remedy };
  }

  return (wanted) => {
    const { address } = wanted;
    const reach = "Look at the app's way to the internet. The first sign-in will tell.";
    return runChecks(
      [
        organisationCheck({ tenant, address, tenantId: deps.tenantId }),
        {
          name: "redirect",
          needs: ["organisation"],
          limitMs: 16_000,
          remedy: reach,
          run: () => redirect(address),
        },
        { name: "permissions", needs: [], limitMs: 1_000, remedy: reach, run: () => permissions(wanted) },
        {
          name: "desk",
          needs: [],
          limitMs: 12_000,
          remedy: "Look at the setting DESKS, and whether the desk runs.",
          run: () => desk(wanted),
        },
      ],
      now,
    );
  };
}
