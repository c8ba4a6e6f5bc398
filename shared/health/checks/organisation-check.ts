import { AppError } from "../../platform/errors.ts";
import { redact } from "../../telemetry/redact.ts";
import { type Check, evidenceOf, type Finding } from "./run-checks.ts";

export interface OrganisationCheckOptions {
  /** The setting ENTRA_TENANT. */
  readonly tenant: string | undefined;
  /** Of the mailbox; `undefined` where it could not be read. */
  readonly address: string | undefined;
  /** The id of the tenant behind a domain or id. @throws {AppError} where Microsoft knows none, or does not answer */
  readonly tenantId: (tenant: string) => Promise<string>;
}

/** Which tenant Microsoft is asked about for a mailbox; `undefined` where neither the setting nor an address names one. */
export function tenantOf({ tenant, address }: Omit<OrganisationCheckOptions, "tenantId">): string | undefined {
  return tenant ?? address?.slice(address.lastIndexOf("@") + 1);
}

/** Whether Microsoft knows the organisation of a mailbox, be it connected or not yet added. */
export function organisationCheck(options: OrganisationCheckOptions): Check {
  const asked = tenantOf(options);

  async function run(): Promise<Finding> {
    if (asked === undefined) throw new Error("No mailbox names an organisation");
    try {
      return { result: "ok", evidence: { asked, tenantId: await options.tenantId(asked) } };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const where =
        options.tenant === undefined
          ? "Check the part of the address after the @. If it is no domain of a Microsoft 365 organisation, set ENTRA_TENANT to the tenant's id."
          : "Put the setting ENTRA_TENANT right: a tenant id, or a domain of the tenant.";
      const remedy = `${redact(error.message)} ${where}`;
      return { result: "failed", evidence: { asked, ...evidenceOf(error) }, remedy };
    }
  }

  return {
    name: "organisation",
    needs: asked === undefined ? ["storage"] : [],
    limitMs: 8_000,
    remedy: "Look at the address of the mailbox, the setting ENTRA_TENANT, and the app's way to the internet.",
    run,
  };
}
