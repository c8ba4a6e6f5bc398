import { createHash, type KeyObject, X509Certificate } from "node:crypto";
import { generate } from "selfsigned";

/** A certificate as an app registration lists it: what of it is public. */
export interface RegisteredCertificate {
  /** SHA-256 of the DER encoding, in base64url. */
  readonly thumbprint: string;
  readonly publicKey: KeyObject;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Reads a certificate in PEM. */
export function readCertificate(pem: string): RegisteredCertificate {
  const certificate = new X509Certificate(pem);
  return {
    thumbprint: createHash("sha256").update(certificate.raw).digest("base64url"),
    publicKey: certificate.publicKey,
    notBefore: new Date(certificate.validFrom),
    notAfter: new Date(certificate.validTo),
  };
}

interface ClientCertificateOptions {
  readonly keyType?: "rsa" | "ec";
  /** Default: now. */
  readonly notBefore?: Date;
  /** Default: a year later. */
  readonly notAfter?: Date;
}

/** A certificate by which an application can prove itself; both parts in PEM. */
export interface IssuedCertificate {
  readonly privateKey: string;
  readonly certificate: string;
}

/** Makes a certificate as Key Vault does: signed by itself, valid for a year. */
export async function issueClientCertificate(options: ClientCertificateOptions = {}): Promise<IssuedCertificate> {
  const made = await generate([{ name: "commonName", value: "deskpost" }], {
    keyType: options.keyType ?? "rsa",
    keySize: 2048,
    algorithm: "sha256",
    ...(options.notBefore && { notBeforeDate: options.notBefore }),
    ...(options.notAfter && { notAfterDate: options.notAfter }),
  });
  return { privateKey: made.private, certificate: made.cert };
}
