import { checkAssertionTimes } from "./entra-assertion-times.ts";
import type { RegisteredCertificate } from "./entra-certificates.ts";
import type { Application } from "./entra-directory.ts";
import { EntraError } from "./entra-errors.ts";
import { type Claims, isSignedBy, type Jwt } from "./entra-signing.ts";

/**
 * The one that Microsoft recommends. Entra still takes RS256 and its longer kin from older clients; the stand-in does
 * not, so that none of ours falls back to it.
 * https://learn.microsoft.com/entra/identity-platform/certificate-credentials#header
 */
const ALGORITHM = "PS256";

/** What AADSTS700027 says where no registered certificate fits. */
export const KEY_NOT_FOUND = {
  fault: "The certificate with identifier used to sign the client assertion is not registered on application.",
  reason: "The key was not found.",
};

/** Throws unless a certificate of the application signed the assertion, for this audience and this once. */
type CertificateCheck = (assertion: string, jwt: Jwt, application: Application, audience: string) => void;

/** https://learn.microsoft.com/entra/identity-platform/certificate-credentials */
export function createCertificateCheck(): CertificateCheck {
  const used = new Set<string>();

  /** No public source tells what Entra says to an assertion that comes twice; the specification lets it refuse. */
  function checkUnused({ jti }: Claims, { clientId }: Application): void {
    const use = `${clientId} ${jti}`;
    // https://www.rfc-editor.org/rfc/rfc7523#section-3
    if (typeof jti !== "string" || jti === "" || used.has(use)) throw new EntraError(50012);
    used.add(use);
  }

  return function checkCertificate(assertion, { header, claims }, application, audience) {
    if (header.alg !== ALGORITHM) throw new EntraError(5002738, { algorithm: String(header.alg), known: ALGORITHM });
    const thumbprint = header["x5t#S256"];
    if (typeof thumbprint !== "string") throw new EntraError(5002723);
    if (claims.iss !== application.clientId) throw new EntraError(700021);
    if (claims.sub !== claims.iss) throw new EntraError(50048);
    checkSignature(assertion, thumbprint, application);
    if (claims.aud !== audience) throw new EntraError(700023);
    checkAssertionTimes(claims);
    checkUnused(claims, application);
  };
}

function checkSignature(assertion: string, thumbprint: string, { clientId, certificates = [] }: Application): void {
  const registered = certificates.find((certificate) => certificate.thumbprint === thumbprint);
  const used = `, Thumbprint of key used by client: '${hex(thumbprint)}'`;
  if (registered === undefined) {
    throw new EntraError(700027, { ...KEY_NOT_FOUND, clientId, key: used });
  }
  const key = `${used}, Found key 'Start=${usTime(registered.notBefore)}, End=${usTime(registered.notAfter)}'`;
  if (!isInForce(registered)) {
    const fault = "The certificate with identifier used to sign the client assertion is expired on application.";
    throw new EntraError(700027, { fault, reason: "The key used is expired.", clientId, key });
  }
  if (!isSignedBy(assertion, registered.publicKey, ALGORITHM)) {
    const fault = "Client assertion contains an invalid signature.";
    const reason = "Key was found, but use of the key to verify the signature failed.";
    throw new EntraError(700027, { fault, reason, clientId, key });
  }
}

function isInForce({ notBefore, notAfter }: RegisteredCertificate): boolean {
  const now = Date.now();
  return notBefore.getTime() <= now && now < notAfter.getTime();
}

function hex(base64url: string): string {
  return Buffer.from(base64url, "base64url").toString("hex").toUpperCase();
}

/** As Entra writes times here: 09/30/2026 17:51:32. */
function usTime(date: Date): string {
  const [, year, month, day, time] = /^(\d+)-(\d+)-(\d+)T([\d:]+)/.exec(date.toISOString()) ?? [];
  return `${month}/${day}/${year} ${time}`;
}
