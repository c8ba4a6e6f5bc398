import { createHash, createPrivateKey, type KeyObject, subtle, X509Certificate } from "node:crypto";
import { type ClientAuth, modifyAssertion, PrivateKeyJwt } from "openid-client";
import { AppError } from "../platform/errors.ts";
import { pkcs12ToPem } from "./pkcs12-to-pem.ts";

/** Microsoft advises 5 to 10 minutes at most. https://learn.microsoft.com/entra/identity-platform/certificate-credentials */
const ASSERTION_LIFE_SECONDS = 5 * 60;

/** The OAuth library signs with no shorter key, and Key Vault makes none. */
const LEAST_KEY_BITS = 2_048;

/** The certificate by which the application proves itself, with the key that belongs to it. */
export interface ClientCertificate {
  readonly privateKey: KeyObject;
  /** SHA-256 of the DER encoding, in base64url: by it Entra finds the certificate among the registered ones. */
  readonly thumbprint: string;
  readonly endsAt: Date;
}

/**
 * Reads the secret that Key Vault keeps behind a certificate: key and certificates, in PKCS #12 (Key Vault's default) or
 * in PEM, in any order.
 * https://learn.microsoft.com/azure/key-vault/certificates/about-certificates
 * @throws {AppError} APP_MISCONFIGURED where it holds anything else, saying what to store; never quoting it
 */
export async function readClientCertificate(name: string, secret: string): Promise<ClientCertificate> {
  const pem = await toPem(name, secret);
  const privateKey = readPrivateKey(name, pem);
  const { modulusLength = 0 } = privateKey.asymmetricKeyDetails ?? {};
  if (privateKey.asymmetricKeyType !== "rsa" || modulusLength < LEAST_KEY_BITS) {
    throw unfit(name, `has no RSA key of ${LEAST_KEY_BITS} bits or more, the only kind that Entra takes`);
  }
  // Where a chain comes along, ours is the one that belongs to the key.
  const certificate = readCertificates(name, pem).find((candidate) => candidate.checkPrivateKey(privateKey));
  if (certificate === undefined) throw unfit(name, "has no certificate that belongs to its key");
  return {
    privateKey,
    thumbprint: createHash("sha256").update(certificate.raw).digest("base64url"),
    endsAt: new Date(certificate.validTo),
  };
}

/**
 * Signs an assertion of its own for each request.
 * https://learn.microsoft.com/entra/identity-platform/certificate-credentials#assertion-format
 */
export async function authenticateByCertificate({ privateKey, thumbprint }: ClientCertificate): Promise<ClientAuth> {
  const der = privateKey.export({ type: "pkcs8", format: "der" });
  const signingKey = await subtle.importKey("pkcs8", der, { name: "RSA-PSS", hash: "SHA-256" }, false, ["sign"]);
  return (server, client, body, headers) => {
    const sign = PrivateKeyJwt(signingKey, {
      [modifyAssertion](header, claims) {
        header.typ = "JWT";
        header["x5t#S256"] = thumbprint;
        // By itself the library names the issuer as audience, which Entra refuses.
        claims.aud = server.token_endpoint;
        claims.exp = Number(claims.nbf) + ASSERTION_LIFE_SECONDS;
      },
    });
    return sign(server, client, body, headers);
  };
}

async function toPem(name: string, secret: string): Promise<string> {
  if (secret.includes("-----BEGIN ")) return secret;
  try {
    return await pkcs12ToPem(Buffer.from(secret, "base64"));
  } catch (error) {
    throw unfit(name, "is neither PEM nor PKCS #12 without a password", { cause: error });
  }
}

function readPrivateKey(name: string, pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw unfit(name, "has no private key that can be read", { cause: error });
  }
}

function readCertificates(name: string, pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (error) {
    throw unfit(name, "has a certificate that cannot be read", { cause: error });
  }
}

function unfit(name: string, fault: string, options?: ErrorOptions): AppError {
  return new AppError(
    "APP_MISCONFIGURED",
    `The Key Vault secret "${name}" ${fault}: create the certificate in Key Vault with an exportable RSA key`,
    options,
  );
}
