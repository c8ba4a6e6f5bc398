import type { asn1 as Asn1 } from "node-forge";

/** Some write "no password" as an empty one, some as none at all; the keys made of the two differ. */
const NO_PASSWORD = ["", undefined] as const;

/**
 * Keys and certificates of a PKCS #12 file without a password, in PEM.
 * https://learn.microsoft.com/azure/key-vault/certificates/certificate-scenarios
 * @throws where the bytes are something else, are broken, or have a password
 */
export async function pkcs12ToPem(der: Buffer): Promise<string> {
  // Loaded only where it is wanted. Node itself reads PKCS #12 for TLS alone, and gives no key out of it.
  const { default: forge } = await import("node-forge");
  const { asn1, pki, pkcs12 } = forge;
  const { oids } = pki;

  function pem(label: string, value: Asn1.Asn1): string {
    const base64 = Buffer.from(asn1.toDer(value).getBytes(), "binary").toString("base64");
    return `-----BEGIN ${label}-----\n${base64.replace(/.{64}/g, "$&\n")}\n-----END ${label}-----\n`;
  }

  /** What is not RSA, the library leaves as it is. */
  function read(password: string | undefined): string {
    const file = pkcs12.pkcs12FromAsn1(withoutMac(asn1.fromDer(der.toString("binary"))), true, password);
    const bagsOf = (bagType = "") => file.getBags({ bagType })[bagType] ?? [];
    const keys = [...bagsOf(oids.pkcs8ShroudedKeyBag), ...bagsOf(oids.keyBag)].map((bag) =>
      pem("PRIVATE KEY", bag.key ? pki.wrapRsaPrivateKey(pki.privateKeyToAsn1(bag.key)) : bag.asn1),
    );
    const certificates = bagsOf(oids.certBag).map((bag) =>
      pem("CERTIFICATE", bag.cert ? pki.certificateToAsn1(bag.cert) : bag.asn1),
    );
    return [...keys, ...certificates].join("");
  }

  const failures: unknown[] = [];
  for (const password of NO_PASSWORD) {
    try {
      return read(password);
    } catch (error) {
      failures.push(error);
    }
  }
  throw new AggregateError(failures, "It cannot be read without a password");
}

/**
 * The file without its third part. The key of that MAC is a password that everybody knows, so that it proves nothing; and
 * .NET makes it for no password where it makes the rest for an empty one.
 */
function withoutMac(file: Asn1.Asn1): Asn1.Asn1 {
  return Array.isArray(file.value) ? { ...file, value: file.value.slice(0, 2) } : file;
}
