import { isDeepStrictEqual } from "node:util";
import type { Resource } from "./bicep.ts";
import { differences, findAll } from "./check-template.ts";

/** https://learn.microsoft.com/graph/permissions-reference */
const GRAPH_SCOPES: Readonly<Record<string, string>> = {
  "570282fd-fa5c-430d-a7fd-fc8dc98a9dca": "Mail.Read",
  "7b9103a5-4610-446b-9670-80643382c1fa": "Mail.Read.Shared",
  "024d486e-b451-40bb-833d-3e66d98c5c73": "Mail.ReadWrite",
  "5df07973-7d5d-46ed-9847-1271055cbd51": "Mail.ReadWrite.Shared",
  "7427e0e9-2fba-42fe-b0c0-848c9e6a8182": "offline_access",
};

export interface RegistrationCode {
  readonly redirectUrls: readonly string[];
  readonly scopes: readonly string[];
  readonly adminRole: string;
}

/** Holds the application at Entra against the code. */
export function registrationFaults(resources: readonly Resource[], code: RegistrationCode): string[] {
  const [application] = resources.filter(({ type }) => type === "Microsoft.Graph/applications@v1.0");
  const scopes = (findAll(application, "resourceAccess").flat() as { id: string }[]).map(
    ({ id }) => GRAPH_SCOPES[id] ?? id,
  );
  const roles = (findAll(application, "appRoles").flat() as { value: string }[]).map(({ value }) => value);
  const [credential] = resources.filter(({ type }) => type.endsWith("/federatedIdentityCredentials@v1.0"));
  const secrets = ["passwordCredentials", "keyCredentials"].flatMap((kind) => findAll(resources, kind));
  return [
    ...differences("redirect URI", findAll(application, "redirectUris").flat().map(String), code.redirectUrls),
    ...differences("scope", scopes, code.scopes),
    ...(isDeepStrictEqual(roles, [code.adminRole]) ? [] : [`The app roles are ${roles}, not ${code.adminRole}`]),
    ...(credential?.properties?.subject ? [] : ["The managed identity is no credential of the application"]),
    ...(secrets.length === 0 ? [] : ["The application has a secret or a key; its identity is enough"]),
  ];
}

/** The script for the Azure CLI must make the same application as the template. */
export function scriptFaults(resources: readonly Resource[], script: string): string[] {
  const [application] = resources.filter(({ type }) => type === "Microsoft.Graph/applications@v1.0");
  const paths = findAll(application, "redirectUris")
    .flat()
    .map((uri) => new URL(String(uri)).pathname);
  const ids = ["resourceAccess", "appRoles"].flatMap((list) => findAll(application, list).flat() as { id: string }[]);
  return [...paths, ...ids.map(({ id }) => id)]
    .filter((text) => !script.includes(text))
    .map((text) => `register-app.sh lacks ${text}, which app-registration.bicep has`);
}
