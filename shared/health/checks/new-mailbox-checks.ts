import type { NewMailbox } from "../../mailboxes/new-mailbox.ts";
import { AppError } from "../../platform/errors.ts";
import type { RedirectProbe } from "../../tokens/redirect-probe.ts";

/** What became of one check. `unknown`: it could not be made, or only the sign-in will tell. */
export interface Check {
  readonly name: string;
  readonly result: "good" | "bad" | "unknown";
  readonly evidence: string;
  /** What to change, and where; for whatever is not good. */
  readonly remedy: string;
}

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
  readonly probeDesk: (url: string) => Promise<{ readonly status: number } | { readonly fault: string }>;
}

/** Tries, before a mailbox is added, what can be tried without its owner. Nothing is changed by it. */
export function createNewMailboxChecks(deps: NewMailboxChecksDeps): (wanted: NewMailbox) => Promise<readonly Check[]> {
  async function organisation({ address }: NewMailbox): Promise<{ check: Check; tenantId: string | undefined }> {
    const name = "Microsoft knows the organisation";
    const tenant = deps.tenant ?? address.slice(address.lastIndexOf("@") + 1);
    try {
      const tenantId = await deps.tenantId(tenant);
      return {
        tenantId,
        check: { name, result: "good", evidence: `${tenant} is the tenant ${tenantId}.`, remedy: "" },
      };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const where =
        deps.tenant === undefined
          ? "Check the part of the address after the @. If it is no domain of a Microsoft 365 organisation, set ENTRA_TENANT to the tenant's id."
          : "Put the setting ENTRA_TENANT right: a tenant id, or a domain of the tenant.";
      return { tenantId: undefined, check: { name, result: "bad", evidence: error.message, remedy: where } };
    }
  }

  async function redirect(tenantId: string | undefined): Promise<Check> {
    const name = "The redirect URL is registered";
    const later = "The first sign-in will tell.";
    if (tenantId === undefined) {
      return { name, result: "unknown", evidence: "Not tried, without a tenant to ask.", remedy: later };
    }
    const probe = await deps.probeRedirect(tenantId);
    if (probe.kind === "registered") return { name, result: "good", evidence: deps.redirectUrl, remedy: "" };
    if (probe.kind === "unclear") {
      return { name, result: "unknown", evidence: "Microsoft gave no clear answer.", remedy: later };
    }
    return {
      name,
      result: "bad",
      evidence: `AADSTS${probe.code} for ${deps.redirectUrl}`,
      remedy: remedyFor(probe.code),
    };
  }

  function remedyFor(code: number): string {
    const registration = `In Entra, App registrations, the application ${deps.clientId}`;
    switch (code) {
      case 50011:
      case 900971:
        return `${registration}, Authentication: add under the platform “Web” exactly ${deps.redirectUrl}, letter for letter; or put the setting PUBLIC_BASE_URL right.`;
      case 700016:
      case 50194:
        return `The application is not known in that organisation. Check the setting ENTRA_CLIENT_ID; for mailboxes of other organisations: ${registration}, Authentication, must allow accounts in any organisational directory.`;
      default:
        return "Its meaning is listed at learn.microsoft.com/entra/identity-platform/reference-error-codes.";
    }
  }

  function permissions({ access, acknowledge }: NewMailbox): Check {
    const scopes = deps.scopes({ writes: acknowledge.kind !== "nothing" }).join(", ");
    const evidence =
      access === "owner"
        ? `Microsoft will ask the owner for ${scopes}.`
        : "Microsoft will ask an administrator for what the registration lists as application permissions.";
    const remedy =
      access === "owner"
        ? "The sign-in will tell whether the organisation wants an administrator's approval; its page then gives the link to forward."
        : "If none is listed: API permissions, Microsoft Graph, application permissions, Mail.Read or Mail.ReadWrite.";
    return { name: "Permissions", result: "unknown", evidence, remedy };
  }

  async function desk({ desk: deskName }: NewMailbox): Promise<Check> {
    const name = "The desk answers";
    const url = deps.deskUrls[deskName];
    if (url === undefined) {
      const known = Object.keys(deps.deskUrls).join(", ");
      return {
        name,
        result: "bad",
        evidence: `There is no desk "${deskName}".`,
        remedy: `The setting DESKS names: ${known}.`,
      };
    }
    const { host } = new URL(url);
    const answer = await deps.probeDesk(url);
    if ("status" in answer && answer.status < 500) {
      return { name, result: "good", evidence: `${host} answers with HTTP ${answer.status}.`, remedy: "" };
    }
    const evidence = "status" in answer ? `${host} answers with HTTP ${answer.status}.` : `${host}: ${answer.fault}`;
    const remedy = `Check the address of “${deskName}” in the setting DESKS, that the desk runs, and that its firewall lets Deskpost in. Until then mail stays pending; none is lost.`;
    return { name, result: "bad", evidence, remedy };
  }

  return async (wanted) => {
    const [{ check, tenantId }, deskCheck] = await Promise.all([organisation(wanted), desk(wanted)]);
    return [check, await redirect(tenantId), permissions(wanted), deskCheck];
  };
}
