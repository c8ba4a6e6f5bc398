import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Bicep } from "./bicep.ts";

// What the registration uses of the Microsoft Graph extension, described in the compiler's own format, so that the file
// can be compiled where Microsoft's registry is out of reach. A property that is not here is a fault, as is a missing one.
// https://learn.microsoft.com/graph/templates/bicep/reference/overview, https://github.com/Azure/bicep-types

type Reference = { readonly $ref: string };
type Property = readonly [type: Reference, flags?: number];

const REQUIRED = 1;
const READ_ONLY = 2;
const CONSTANT = 8;
const IDENTIFIER = 16;

/** Packs the types as an extension, and gives the file's path. */
export async function packGraphTypes(bicep: Bicep, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const { types, index } = describeGraph();
  await writeFile(path.join(folder, "types.json"), JSON.stringify(types));
  await writeFile(path.join(folder, "index.json"), JSON.stringify(index));
  const target = path.join(folder, "graph.tgz");
  await bicep.packTypes(path.join(folder, "index.json"), target);
  return target;
}

function describeGraph() {
  const types: object[] = [];
  const resources: Record<string, Reference> = {};
  const add = (type: object): Reference => ({ $ref: `#/${types.push(type) - 1}` });
  const text = add({ $type: "StringType" });
  const flag = add({ $type: "BooleanType" });
  const literal = (value: string) => add({ $type: "StringLiteralType", value });
  const list = (itemType: Reference) => add({ $type: "ArrayType", itemType });
  const object = (name: string, properties: Readonly<Record<string, Property>>) =>
    add({
      $type: "ObjectType",
      name,
      properties: Object.fromEntries(
        Object.entries(properties).map(([key, [type, flags = 0]]) => [key, { type, flags }]),
      ),
    });
  const fromIndex = ({ $ref }: Reference): Reference => ({ $ref: `types.json${$ref}` });

  function resource(type: string, properties: Readonly<Record<string, Property>>): void {
    const name = `${type}@v1.0`;
    const body = object(type, {
      type: [literal(type), READ_ONLY | CONSTANT],
      apiVersion: [literal("v1.0"), READ_ONLY | CONSTANT],
      id: [text, READ_ONLY],
      ...properties,
    });
    resources[name] = fromIndex(add({ $type: "ResourceType", name, scopeType: 0, body, flags: 0 }));
  }

  const implicitGrant = object("ImplicitGrantSettings", {
    enableAccessTokenIssuance: [flag],
    enableIdTokenIssuance: [flag],
  });
  const access = object("ResourceAccess", { id: [text], type: [text] });
  const requiredAccess = object("RequiredResourceAccess", { resourceAppId: [text], resourceAccess: [list(access)] });
  const role = object("AppRole", {
    id: [text],
    value: [text],
    displayName: [text],
    description: [text],
    allowedMemberTypes: [list(text)],
    isEnabled: [flag],
  });
  resource("Microsoft.Graph/applications", {
    uniqueName: [text, REQUIRED | CONSTANT | IDENTIFIER],
    displayName: [text, REQUIRED],
    appId: [text, READ_ONLY],
    signInAudience: [text],
    web: [object("Web", { redirectUris: [list(text)], implicitGrantSettings: [implicitGrant] })],
    requiredResourceAccess: [list(requiredAccess)],
    appRoles: [list(role)],
  });
  resource("Microsoft.Graph/applications/federatedIdentityCredentials", {
    name: [text, REQUIRED | IDENTIFIER],
    description: [text],
    issuer: [text, REQUIRED],
    subject: [text, REQUIRED],
    audiences: [list(text), REQUIRED],
  });
  resource("Microsoft.Graph/servicePrincipals", { appId: [text, REQUIRED | IDENTIFIER] });
  resource("Microsoft.Graph/appRoleAssignedTo", {
    resourceId: [text, REQUIRED],
    principalId: [text, REQUIRED],
    appRoleId: [text, REQUIRED],
  });
  const configuration = fromIndex(object("Configuration", {}));
  const settings = { name: "MicrosoftGraph", version: "1.0.0", isSingleton: false, configurationType: configuration };
  return { types, index: { resources, resourceFunctions: {}, settings } };
}
