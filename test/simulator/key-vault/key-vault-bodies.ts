import { badParameter } from "./key-vault-errors.ts";
import {
  type DeletedSecret,
  RETENTION_DAYS,
  type Secret,
  type SecretChange,
  type SecretVersion,
} from "./key-vault-secrets.ts";

/** https://learn.microsoft.com/azure/key-vault/secrets/about-secrets */
const LARGEST_VALUE_BYTES = 25 * 1024;
const LONGEST_CONTENT_TYPE = 255;
const MOST_TAGS = 15;
const LONGEST_TAG = 512;

type Json = Readonly<Record<string, unknown>>;

/** What a set or an update says, within the limits of the vault. */
export function readChange(body: Json): SecretChange {
  const attributes = isObject(body.attributes) ? body.attributes : {};
  const contentType = body.contentType === undefined ? undefined : String(body.contentType);
  if ((contentType ?? "").length > LONGEST_CONTENT_TYPE) {
    throw badParameter(`The content type is longer than ${LONGEST_CONTENT_TYPE} characters.`);
  }
  return {
    contentType,
    tags: readTags(body.tags),
    enabled: typeof attributes.enabled === "boolean" ? attributes.enabled : undefined,
    notBefore: typeof attributes.nbf === "number" ? attributes.nbf : undefined,
    expires: typeof attributes.exp === "number" ? attributes.exp : undefined,
  };
}

function readTags(tags: unknown): Readonly<Record<string, string>> | undefined {
  if (!isObject(tags)) return undefined;
  const entries = Object.entries(tags).map(([name, value]) => [name, String(value)] as const);
  if (entries.length > MOST_TAGS) throw badParameter(`A secret has at most ${MOST_TAGS} tags.`);
  if (entries.some((entry) => entry.some((text) => text.length > LONGEST_TAG))) {
    throw badParameter(`Names and values of tags have at most ${LONGEST_TAG} characters.`);
  }
  return Object.fromEntries(entries);
}

export function readValue(body: Json): string {
  const { value } = body;
  if (typeof value !== "string") throw badParameter("Property  has invalid value\r\n");
  if (Buffer.byteLength(value) > LARGEST_VALUE_BYTES) {
    throw badParameter(`The secret value is larger than ${LARGEST_VALUE_BYTES} bytes.`);
  }
  return value;
}

/** An empty body, as the client sends it to get a challenge, has no properties. */
export function readJson(body: Buffer): Json {
  if (body.byteLength === 0) return {};
  try {
    const value: unknown = JSON.parse(body.toString());
    if (isObject(value)) return value;
  } catch {
    // It is refused below like any other that is no object.
  }
  throw badParameter("The request body is not a valid JSON object.");
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A version as it stands in lists and after updates: without its value. */
export function describeVersion(vault: string, { name }: Secret, version: SecretVersion): Json {
  return { id: `${vault}/secrets/${name}/${version.version}`, ...properties(version) };
}

export function describeVersionWithValue(vault: string, secret: Secret, version: SecretVersion): Json {
  return { value: version.value, ...describeVersion(vault, secret, version) };
}

/** A secret in the list of secrets: its id names no version, the rest is that of the newest. */
export function describeSecret(vault: string, { name, versions }: Secret): Json {
  const newest = versions.at(-1);
  return { id: `${vault}/secrets/${name}`, ...(newest && properties(newest)) };
}

export function describeDeleted(vault: string, secret: DeletedSecret): Json {
  return {
    recoveryId: `${vault}/deletedsecrets/${secret.name}`,
    deletedDate: Math.floor(secret.deletedAt / 1000),
    scheduledPurgeDate: Math.floor(secret.purgedAt / 1000),
    ...describeSecret(vault, secret),
  };
}

function properties(version: SecretVersion): Json {
  return {
    contentType: version.contentType,
    attributes: {
      enabled: version.enabled,
      nbf: version.notBefore,
      exp: version.expires,
      created: version.created,
      updated: version.updated,
      recoveryLevel: "Recoverable+Purgeable",
      recoverableDays: RETENTION_DAYS,
    },
    tags: version.tags,
  };
}
