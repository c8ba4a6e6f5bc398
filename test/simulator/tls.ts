import tls from "node:tls";
import { generate } from "selfsigned";

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/**
 * A certificate for 127.0.0.1 and localhost that this process, and only this process, trusts.
 * The stand-ins for Graph and Key Vault need TLS because the real clients refuse plain http.
 */
export async function trustedCertificate(): Promise<Certificate> {
  const made = await generate([{ name: "commonName", value: "127.0.0.1" }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      {
        name: "subjectAltName",
        altNames: [
          { type: 7, ip: "127.0.0.1" },
          { type: 2, value: "localhost" },
        ],
      },
    ],
  });
  tls.setDefaultCACertificates([...tls.getCACertificates("default"), made.cert]);
  return { key: made.private, cert: made.cert };
}
