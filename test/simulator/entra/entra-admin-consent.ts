import { randomUUID } from "node:crypto";
import { type Answer, html, type SeenRequest } from "../stand-in.ts";
import { readReplyAddress } from "./entra-authorization-request.ts";
import { type Application, applicationName, type Directory } from "./entra-directory.ts";
import { EntraError } from "./entra-errors.ts";
import { adminConsentPage } from "./entra-pages.ts";
import { parseScopes } from "./entra-permissions.ts";

/** The page on which an administrator grants an application its own permissions, for the whole organisation. */
interface AdminConsent {
  /** `GET /{tenant}/v2.0/adminconsent` */
  ask(request: SeenRequest, segment: string): Answer;
  /** `POST /{tenant}/AdminConsent/Set` */
  decide(request: SeenRequest, segment: string): Answer;
}

interface Visit {
  readonly clientId: string;
  readonly tenantId: string;
  readonly redirectUri: string;
  readonly state: string;
  readonly scope: string;
}

/** https://learn.microsoft.com/entra/identity-platform/v2-admin-consent */
export function createAdminConsent(directory: Directory): AdminConsent {
  const visits = new Map<string, Visit>();

  return {
    ask({ query }, segment) {
      const tenant = directory.tenantInPath(segment);
      // The real one takes `organizations`, too; Deskpost always names the tenant.
      if (tenant === undefined) throw new EntraError(90002, { tenant: segment });
      const clientId = query.get("client_id") ?? "";
      const application = directory.applicationFor(clientId, tenant, segment);
      const { redirectUri } = readReplyAddress(query, application);
      const ctx = randomUUID();
      const [state, scope] = [query.get("state") ?? "", query.get("scope") ?? ""];
      visits.set(ctx, { clientId, tenantId: tenant.id, redirectUri, state, scope });
      const form = { action: `/${tenant.id}/AdminConsent/Set`, ctx };
      const permissions = isDefault(scope) ? rolesOf(application) : delegatedNames(scope);
      return html(200, adminConsentPage({ form, application: applicationName(application), permissions }));
    },

    decide({ form }) {
      const visit = visits.get(form.get("ctx") ?? "");
      if (visit === undefined) throw new EntraError(50089);
      const { clientId, tenantId, redirectUri, state, scope } = visit;
      const fields = new URLSearchParams({ admin_consent: "True", tenant: tenantId, state });
      if (form.get("decision") === "accept") {
        fields.set("scope", scope);
        directory.changeApplication(clientId, (application) => ({ ...application, ...granted(application, scope) }));
      } else {
        // An error comes with admin_consent=True as well.
        fields.set("error", "access_denied");
        fields.set("error_description", "AADSTS65004: User declined to consent to access the app.");
      }
      const location = new URL(redirectUri);
      location.search = fields.toString();
      return { status: 302, headers: { location: location.href, "cache-control": "no-store" } };
    },
  };
}

/** `.default` grants the application permissions of the registration; named scopes are delegated ones, for everybody. */
function granted(application: Application, scope: string): Partial<Application> {
  if (isDefault(scope)) {
    return { roles: [...new Set([...(application.roles ?? []), ...(application.requiredRoles ?? [])])] };
  }
  const names = parseScopes(scope).map(({ name }) => name);
  return { grantedScopes: [...new Set([...(application.grantedScopes ?? []), ...names])] };
}

function isDefault(scope: string): boolean {
  return scope.endsWith("/.default");
}

function rolesOf({ requiredRoles = [] }: Application): readonly string[] {
  return requiredRoles.map((role) => `${role}, in all mailboxes`);
}

function delegatedNames(scope: string): readonly string[] {
  return parseScopes(scope).flatMap(({ permission }) => permission?.title ?? []);
}
