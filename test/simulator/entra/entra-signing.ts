import {
  constants,
  createPublicKey,
  createSign,
  createVerify,
  generateKeyPair,
  type JsonWebKey,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import { promisify } from "node:util";

export type Claims = Readonly<Record<string, unknown>>;

export interface Jwt {
  readonly header: Claims;
  readonly claims: Claims;
}

/** Signs tokens with RS256, as Entra does, and recognises what it signed. */
export interface Signer {
  /** As it stands in a key set. */
  readonly publicKey: JsonWebKey & { readonly kid: string };
  sign(claims: Claims): string;
  /** The claims of a token that this signer signed; expiry is not looked at. */
  verify(token: string): Claims | undefined;
}

const MOST_KNOWN_TOKENS = 1_000;

export async function createSigner(): Promise<Signer> {
  const keys = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  const kid = randomBytes(20).toString("base64url");
  const header = encode({ typ: "JWT", alg: "RS256", kid });
  /** Tokens come with every request, for an hour and more: each is looked at once. */
  const known = new Map<string, Claims>();

  return {
    publicKey: { ...keys.publicKey.export({ format: "jwk" }), use: "sig", kid },
    sign(claims) {
      const signed = `${header}.${encode(claims)}`;
      return `${signed}.${createSign("RSA-SHA256").update(signed).sign(keys.privateKey, "base64url")}`;
    },
    verify(token) {
      const claims = known.get(token) ?? (isSignedBy(token, keys.publicKey) ? readJwt(token)?.claims : undefined);
      if (claims === undefined || known.has(token)) return claims;
      if (known.size >= MOST_KNOWN_TOKENS) known.clear();
      known.set(token, claims);
      return claims;
    },
  };
}

/** Reads a token without checking its signature; `undefined` when it is no JWT. */
export function readJwt(token: string): Jwt | undefined {
  const [header, claims, signature, ...more] = token.split(".");
  if (!header || !claims || !signature || more.length > 0) return undefined;
  try {
    return { header: decode(header), claims: decode(claims) };
  } catch {
    return undefined;
  }
}

/** How the two algorithms pad, in the words of node:crypto. https://www.rfc-editor.org/rfc/rfc7518#section-3.1 */
const PADDING = {
  RS256: { padding: constants.RSA_PKCS1_PADDING },
  PS256: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST },
};

export function isSignedBy(
  token: string,
  key: JsonWebKey | KeyObject,
  algorithm: keyof typeof PADDING = "RS256",
): boolean {
  const end = token.lastIndexOf(".");
  if (end < 0 || readJwt(token)?.header.alg !== algorithm) return false;
  const publicKey = "kty" in key ? createPublicKey({ key, format: "jwk" }) : (key as KeyObject);
  return createVerify("RSA-SHA256")
    .update(token.slice(0, end))
    .verify({ key: publicKey, ...PADDING[algorithm] }, token.slice(end + 1), "base64url");
}

function encode(value: Claims): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function decode(part: string): Claims {
  const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString());
  if (typeof value !== "object" || value === null) throw new TypeError("Not a JSON object");
  return value as Claims;
}
