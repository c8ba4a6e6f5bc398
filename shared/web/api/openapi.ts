import { z } from "zod";
import type { ApiRoute } from "./api-route.ts";
import { API_ROUTES } from "./api-routes.ts";

/** What a key of each right is for; the function of the same name has it. */
const RIGHTS = {
  read: "Key of the function `api-read`: looks, and changes nothing",
  write: "Key of the function `api-write`: adds, pauses, fetches, imports, replays, discards",
  invite: "Key of the function `api-invite`: makes links by which owners connect their mailboxes",
  remove: "Key of the function `api-remove`: takes mailboxes off the list",
};

const ERROR = {
  type: "object",
  description: "What is wrong, and what to do",
  required: ["code", "message"],
  properties: { code: { type: "string" }, message: { type: "string" } },
};

/** The API as a document of OpenAPI 3.1. https://spec.openapis.org/oas/v3.1.1.html */
export function openApiDocument() {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of API_ROUTES) {
    const path = `/${route.path.replace(/:(\w+)/g, "{$1}")}`;
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "Deskpost",
      version: "1",
      description:
        "Brings mail of Microsoft 365 mailboxes into a help desk. Times are ISO 8601 in UTC. A host key opens everything.",
    },
    servers: [{ url: "/api" }],
    paths,
    components: {
      schemas: { Error: ERROR },
      securitySchemes: Object.fromEntries(
        Object.entries(RIGHTS).map(([right, description]) => [
          right,
          { type: "apiKey", in: "header", name: "x-functions-key", description },
        ]),
      ),
    },
  };
}

function operation(route: ApiRoute) {
  const { right, summary, query, body, answers, replacedBy } = route;
  return {
    operationId: operationId(route),
    summary,
    ...(replacedBy !== undefined && { deprecated: true, description: `Use ${replacedBy}` }),
    security: [{ [right]: [] }],
    parameters: [...pathParameters(route.path), ...(query === undefined ? [] : queryParameters(query))],
    ...(body !== undefined && { requestBody: { required: true, content: content(schemaOf(body)) } }),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, description]) => [status, { description }])),
      default: { description: "Refused", content: content({ $ref: "#/components/schemas/Error" }) },
    },
  };
}

/** Such as `post-mailboxes-id-pause`. */
function operationId({ method, path }: ApiRoute): string {
  return `${method.toLowerCase()}-${path.replace(/:/g, "").replaceAll("/", "-")}`;
}

function pathParameters(path: string) {
  return [...path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
}

function queryParameters(query: z.ZodType) {
  const { properties = {} } = schemaOf(query);
  return Object.entries(properties).map(([name, schema]) => ({ name, in: "query", required: false, schema }));
}

/** What is to be sent, before it is read. */
function schemaOf(schema: z.ZodType) {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  return rest;
}

function content(schema: object) {
  return { "application/json": { schema } };
}
