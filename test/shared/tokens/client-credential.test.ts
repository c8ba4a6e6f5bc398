import assert from "node:assert/strict";
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { beforeEach, describe, it } from "node:test";
import { createRenewGrants, type RenewGrantsReport } from "../../../shared/scheduling/renew-grants.ts";
import { createLog } from "../../../shared/telemetry/log.ts";
import { createClientCredential } from "../../../shared/tokens/client-credential.ts";
import { createCredentialEnd } from "../../../shared/tokens/credential-end.ts";
import { isDueForSaving } from "../../../shared/tokens/expiry.ts";
import { type IssuedCertificate, issueClientCertificate } from "../../simulator/entra/entra-certificates.ts";
import { readJwt } from "../../simulator/entra/entra-signing.ts";
import { DAY_MS, type ExampleMailbox, isTokenRequest, useTokenHarness } from "./token-harness.ts";
import { CLIENT_ID, CLIENT_SECRET_NAME, type Instance } from "./token-instance.ts";

const PEM = { contentType: "application/x-pem-file" };
const CERTIFICATE_NAME = "entra-certificate";
const authentication = { kind: "certificate", certificateName: CERTIFICATE_NAME } as const;

const harness = useTokenHarness();
const issued = await issueClientCertificate();
let mailbox: ExampleMailbox;
let instance: Instance;

/** The secret behind a certificate, as Key Vault lays it out. */
const secretOf = ({ privateKey, certificate }: IssuedCertificate) => `${privateKey}\n${certificate}\n`;

/** What Key Vault gives of a certificate that was imported as PKCS #12. */
const pkcs12 = (name: string) => readFileSync(new URL(`pkcs12/${name}.txt`, import.meta.url), "utf8");

const store = (secret: string) => harness.secrets.write(CERTIFICATE_NAME, secret, PEM);

beforeEach(async () => {
  harness.entra.addCertificate(CLIENT_ID, issued.certificate);
  await store(secretOf(issued));
  instance = harness.instance({ authentication });
  mailbox = await harness.addMailbox();
  await harness.connect(mailbox, instance);
  await instance.registry.clearAlarm();
  await harness.passEnd(mailbox);
});

describe("a certificate as the credential of the application", () => {
  it("signs people in and renews their tokens", async () => {
    harness.assertServes(mailbox, await instance.accessTokenFor(mailbox.id));
  });

  it("signs an assertion of its own for each request, made for the token endpoint and for five minutes", async () => {
    await instance.renew(mailbox.id);
    await instance.renew(mailbox.id);
    const assertions = harness.entra.server.requests
      .filter((request) => isTokenRequest(request) && request.form.has("client_assertion"))
      .map((request) => readJwt(request.form.get("client_assertion") ?? ""));
    const last = assertions.at(-1);
    const der = new X509Certificate(issued.certificate).raw;
    assert.deepEqual(last?.header, {
      alg: "PS256",
      typ: "JWT",
      "x5t#S256": createHash("sha256").update(der).digest("base64url"),
    });
    assert.equal(last?.claims.aud, `${harness.entra.origin}/${mailbox.account.tenantId}/oauth2/v2.0/token`);
    assert.equal(last?.claims.iss, CLIENT_ID);
    assert.equal(last?.claims.sub, CLIENT_ID);
    assert.equal(Number(last?.claims.exp) - Number(last?.claims.nbf), 300);
    assert.equal(new Set(assertions.map((assertion) => assertion?.claims.jti)).size, assertions.length);
  });

  it("counts at once when it is renewed", async () => {
    const renewed = await issueClientCertificate();
    await store(secretOf(renewed));
    harness.entra.addCertificate(CLIENT_ID, renewed.certificate);
    harness.assertServes(mailbox, await instance.accessTokenFor(mailbox.id));
  });

  it("is found among others of its chain, wherever the key stands", async () => {
    const stranger = await issueClientCertificate();
    await store(`${stranger.certificate}\n${issued.certificate}\n${issued.privateKey}`);
    harness.assertServes(mailbox, await instance.accessTokenFor(mailbox.id));
  });

  for (const name of ["openssl-legacy", "openssl-modern", "dotnet-triple-des", "dotnet-aes"]) {
    it(`is read from PKCS #12, which is what Key Vault makes of its own accord: ${name}`, async () => {
      harness.entra.addCertificate(CLIENT_ID, readFileSync(new URL("pkcs12/certificate.pem", import.meta.url), "utf8"));
      await harness.secrets.write(CERTIFICATE_NAME, pkcs12(name), { contentType: "application/x-pkcs12" });
      harness.assertServes(mailbox, await instance.accessTokenFor(mailbox.id));
      const end = createCredentialEnd({ authentication, readSecret: harness.secrets.read });
      assert.equal((await end())?.getUTCFullYear(), 2126);
    });
  }

  it("raises the alarm of the app, and changes no mailbox, where Entra does not know it", async () => {
    await store(secretOf(await issueClientCertificate()));
    await assert.rejects(instance.accessTokenFor(mailbox.id), { name: "EntraError", code: "APP_MISCONFIGURED" });
    assert.match((await instance.registry.alarm())?.message ?? "", /AADSTS700027.* is not registered on application/);
    assert.equal((await instance.registry.get(mailbox.id))?.status, "connected");
  });

  it("does the same once it has ended", async () => {
    const endsAt = new Date(Date.now() + DAY_MS);
    const short = await issueClientCertificate({ notAfter: endsAt });
    await store(secretOf(short));
    harness.entra.addCertificate(CLIENT_ID, short.certificate);
    harness.assertServes(mailbox, await instance.accessTokenFor(mailbox.id));
    harness.clock.advance(DAY_MS);
    await assert.rejects(instance.accessTokenFor(mailbox.id), { code: "APP_MISCONFIGURED" });
    assert.match((await instance.registry.alarm())?.message ?? "", /AADSTS700027.* is expired on application/);
  });
});

describe("a secret in Key Vault that holds no fit certificate", () => {
  const faults: readonly (readonly [string, (good: IssuedCertificate) => string | Promise<string>, RegExp])[] = [
    ["neither", () => Buffer.alloc(900, "pkcs").toString("base64"), /is neither PEM nor PKCS #12 without a password/],
    ["a text", () => "entra-certificate.pfx", /is neither PEM nor PKCS #12/],
    ["PKCS #12 with a password", () => pkcs12("password"), /is neither PEM nor PKCS #12 without a password/],
    ["PKCS #12 without a key", () => pkcs12("no-key"), /has no private key that can be read/],
    ["PKCS #12 that is cut off", () => pkcs12("openssl-modern").slice(0, 4000), /is neither PEM nor PKCS #12/],
    ["PKCS #12 of an elliptic curve", () => pkcs12("elliptic-curve"), /has no RSA key of 2048 bits or more/],
    ["no key", ({ certificate }) => certificate, /has no private key that can be read/],
    ["a broken key", () => "-----BEGIN PRIVATE KEY-----\nbm8=\n-----END PRIVATE KEY-----", /has no private key/],
    ["no certificate", ({ privateKey }) => privateKey, /has no certificate that belongs to its key/],
    [
      "the certificate of another key",
      async ({ privateKey }) => `${privateKey}\n${(await issueClientCertificate()).certificate}`,
      /has no certificate that belongs to its key/,
    ],
    [
      "a broken certificate",
      ({ privateKey }) => `${privateKey}\n-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----`,
      /has a certificate that cannot be read/,
    ],
    [
      "an elliptic curve",
      async () => secretOf(await issueClientCertificate({ keyType: "ec" })),
      /has no RSA key of 2048 bits or more/,
    ],
  ];
  for (const [what, secret, fault] of faults) {
    it(`is named, with what to store: ${what}`, async () => {
      const stored = await secret(issued);
      await store(stored);
      await assert.rejects(instance.accessTokenFor(mailbox.id), (error: Error & { code?: string }) => {
        assert.equal(error.code, "APP_MISCONFIGURED");
        assert.match(
          error.message,
          /^The Key Vault secret "entra-certificate" .*create the certificate in Key Vault with an exportable RSA key$/,
        );
        assert.match(error.message, fault);
        for (const line of stored.split("\n")) assert.ok(line.length < 60 || !String(error.stack).includes(line));
        return true;
      });
      assert.equal((await instance.registry.alarm())?.code, "APP_MISCONFIGURED");
    });
  }

  it("is told apart from one that is missing: that names the setting", async () => {
    const unset = harness.instance({ authentication: { kind: "certificate", certificateName: "no-such-certificate" } });
    await assert.rejects(unset.accessTokenFor(mailbox.id), {
      code: "APP_MISCONFIGURED",
      message: /^Key Vault has no secret "no-such-certificate": .*ENTRA_CERTIFICATE_NAME/,
    });
  });
});

describe("a client secret", () => {
  const secret = { kind: "client-secret", secretName: CLIENT_SECRET_NAME } as const;
  const lines: string[] = [];
  const credential = () =>
    createClientCredential({
      authentication: secret,
      identity: { getToken: async () => null },
      readSecret: async (name) => (await harness.secrets.read(name))?.value,
      log: createLog((level, line) => void lines.push(`${level} ${line}`)),
    });

  for (const [what, around] of [
    ["a line end", ["", "\n"]],
    ["a line end of Windows", ["", "\r\n"]],
    ["spaces, a tab and a byte order mark", ["\ufeff\t ", "\u00a0 "]],
  ] as const) {
    it(`is used without the white space around it, which is said once: ${what}`, async () => {
      lines.length = 0;
      const good = (await harness.secrets.read(CLIENT_SECRET_NAME))?.value ?? "";
      try {
        await harness.secrets.write(CLIENT_SECRET_NAME, around.join(good), { contentType: "text/plain" });
        harness.assertServes(mailbox, await harness.instance({ authentication: secret }).accessTokenFor(mailbox.id));
        const authenticate = credential();
        await authenticate();
        await authenticate();
        assert.deepEqual(lines, [`warn {"event":"white space removed","secret":"${CLIENT_SECRET_NAME}"}`]);
      } finally {
        await harness.secrets.write(CLIENT_SECRET_NAME, good, { contentType: "text/plain" });
      }
    });
  }

  it("is missing where nothing but white space is stored", async () => {
    const blank = createClientCredential({
      authentication: secret,
      identity: { getToken: async () => null },
      readSecret: async () => " \n",
      log: createLog(() => {}),
    });
    await assert.rejects(blank(), { code: "APP_MISCONFIGURED", message: /^Key Vault has nothing but white space in/ });
  });
});

describe("the end of the application's own credential", () => {
  const lines: string[] = [];
  const log = createLog((level, line) => void lines.push(`${level} ${line}`));

  function renewGrants(credential: Parameters<typeof createCredentialEnd>[0]["authentication"]) {
    lines.length = 0;
    return createRenewGrants({
      registry: instance.registry,
      grants: () => instance.grants.list(),
      isDue: (savedAt) => isDueForSaving(savedAt, new Date()),
      renew: instance.renew,
      removeGrant: instance.grants.remove,
      connected: instance.changeMailbox.connected,
      refused: instance.changeMailbox.refused,
      credentialEnd: createCredentialEnd({ authentication: credential, readSecret: harness.secrets.read }),
      log,
      now: () => new Date(),
    })();
  }

  function assertWarned(report: RenewGrantsReport, endsAt: Date): void {
    assert.equal(report.credentialEndsAt?.toISOString(), endsAt.toISOString());
    const warning = { event: "credential ends soon", endsAt: endsAt.toISOString() };
    assert.ok(lines.includes(`error ${JSON.stringify(warning)}`), lines.join("\n"));
    assert.match(lines.at(-1) ?? "", /"tokens kept".*"credentialEndsAt"/);
  }

  function assertQuiet(report: RenewGrantsReport): void {
    assert.ok(!("credentialEndsAt" in report));
    assert.ok(!lines.some((line) => line.includes("credential ends soon")), lines.join("\n"));
  }

  const inDays = (days: number) => new Date(Math.floor(Date.now() / 1_000) * 1_000 + days * DAY_MS);

  it("is reported a month ahead where a certificate names it", async () => {
    const endsAt = inDays(31);
    await store(secretOf(await issueClientCertificate({ notAfter: endsAt })));
    assertQuiet(await renewGrants(authentication));
    harness.clock.advance(2 * DAY_MS);
    assertWarned(await renewGrants(authentication), endsAt);
    harness.clock.advance(31 * DAY_MS);
    assertWarned(await renewGrants(authentication), endsAt);
  });

  it("is reported for a client secret where Key Vault knows its expiry date, and only there", async () => {
    const secret = { kind: "client-secret", secretName: CLIENT_SECRET_NAME } as const;
    assertQuiet(await renewGrants(secret));
    const value = (await harness.secrets.read(CLIENT_SECRET_NAME))?.value ?? "";
    const endsAt = inDays(29);
    await harness.secrets.write(CLIENT_SECRET_NAME, value, { contentType: "text/plain", expiresOn: endsAt });
    assertWarned(await renewGrants(secret), endsAt);
    await harness.secrets.write(CLIENT_SECRET_NAME, value, { contentType: "text/plain", expiresOn: inDays(31) });
    assertQuiet(await renewGrants(secret));
  });

  it("is nobody's concern with a federated credential, nor where there is no secret at all", async () => {
    assertQuiet(await renewGrants({ kind: "federated-credential", audience: "api://AzureADTokenExchange" }));
    assertQuiet(await renewGrants({ kind: "certificate", certificateName: "no-such-certificate" }));
    assertQuiet(await renewGrants({ kind: "client-secret", secretName: "no-such-secret" }));
  });

  it("keeps no token from being kept where it cannot be read", async () => {
    harness.clock.advance(8 * DAY_MS);
    await harness.secrets.write("unfit", "not PEM", PEM);
    const report = await renewGrants({ kind: "certificate", certificateName: "unfit" });
    assert.ok(report.renewed > 0);
    assert.equal(report.failed, 0);
    assert.equal(report.credentialEndsAt, undefined);
    const told = lines.filter((line) => line.includes("credential end not read"));
    assert.equal(told.length, 1);
    assert.match(told[0] ?? "", /^warn .*"code":"APP_MISCONFIGURED"/);
  });
});
