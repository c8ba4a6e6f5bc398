import type { JsonWebKey } from "node:crypto";
import type { SeenRequest } from "../stand-in.ts";
import { checkAssertionTimes } from "./entra-assertion-times.ts";
import { createCertificateCheck, KEY_NOT_FOUND } from "./entra-certificate-assertion.ts";
import type { Application } from "./entra-directory.ts";
import { EntraError, type Facts } from "./entra-errors.ts";
import { type Claims, isSignedBy, type Jwt, readJwt } from "./entra-signing.ts";

const JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/** Somebody whose tokens can stand for an application's secret: the managed identity of the same tenant. */
export interface TrustedIssuer {
  readonly issuer: string;
  readonly publicKeys: readonly JsonWebKey[];
}

interface ClientCredential {
  readonly clientId: string;
  readonly secret: string | undefined;
  readonly assertion: string | undefined;
}

/** What the client says of itself: in the form, or with HTTP Basic. */
export function readClientCredential(request: SeenRequest): ClientCredential {
  const { form } = request;
  const [basicId, basicSecret] = readBasic(request.headers.authorization);
  const clientId = form.get("client_id") ?? basicId;
  if (clientId === undefined) throw new EntraError(900144, { name: "client_id" });
  const isAssertion = form.get("client_assertion_type") === JWT_BEARER;
  return {
    clientId,
    secret: form.get("client_secret") ?? basicSecret,
    assertion: isAssertion ? (form.get("client_assertion") ?? undefined) : undefined,
  };
}

function readBasic(header: string | undefined): [string?, string?] {
  const encoded = /^Basic (.+)$/i.exec(header ?? "")?.[1];
  if (encoded === undefined) return [];
  const [id = "", ...secret] = Buffer.from(encoded, "base64").toString().split(":");
  // Both parts are form-encoded first. https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
  return [decodeForm(id), decodeForm(secret.join(":"))];
}

function decodeForm(value: string): string {
  return decodeURIComponent(value.replaceAll("+", " "));
}

/** Throws unless the credential is one of the application's. `segment` is the tenant as the path names it. */
export type ClientAuthentication = (credential: ClientCredential, application: Application, segment: string) => void;

interface ClientAuthenticationOptions {
  trustedIssuers(): readonly TrustedIssuer[];
  /** The address of the token endpoint, for which an application makes its own assertions. */
  audienceAt(segment: string): string;
}

export function createClientAuthentication({
  trustedIssuers,
  audienceAt,
}: ClientAuthenticationOptions): ClientAuthentication {
  const checkCertificate = createCertificateCheck();

  return function authenticateClient({ secret, assertion }, application, segment) {
    if (assertion === undefined) {
      if (secret === undefined) throw new EntraError(7000218);
      checkSecret(secret, application);
      return;
    }
    const jwt = readJwt(assertion);
    if (jwt === undefined) throw new EntraError(50027);
    if (isFederated(jwt)) checkFederated(assertion, jwt.claims, application, trustedIssuers());
    else checkCertificate(assertion, jwt, application, audienceAt(segment));
  };
}

/** Issuers of other systems are URLs; an application that signs by itself names its own id. */
function isFederated({ claims }: Jwt): boolean {
  return URL.canParse(String(claims.iss));
}

function checkSecret(secret: string, { clientId, secrets }: Application): void {
  const same = secrets.filter(({ value }) => value === secret);
  if (same.length === 0) throw new EntraError(7000215, { clientId });
  const isAlive = same.some(({ expiresAt }) => expiresAt === undefined || expiresAt.getTime() > Date.now());
  if (!isAlive) throw new EntraError(7000222, { clientId });
}

function checkFederated(
  assertion: string,
  claims: Claims,
  application: Application,
  trusted: readonly TrustedIssuer[],
): void {
  matchFederatedCredential(claims, application);
  const issuer = trusted.find((candidate) => candidate.issuer === claims.iss);
  if (issuer === undefined) throw new EntraError(50166);
  if (!issuer.publicKeys.some((key) => isSignedBy(assertion, key))) {
    throw new EntraError(700027, { ...KEY_NOT_FOUND, clientId: application.clientId });
  }
  checkAssertionTimes(claims);
}

function matchFederatedCredential(claims: Claims, { federatedCredentials = [] }: Application): void {
  const issuer = String(claims.iss);
  const subject = String(claims.sub);
  const audience = String(claims.aud);
  const facts: Facts = { issuer, subject, audience };
  if (federatedCredentials.length === 0) throw new EntraError(70021, facts);
  const sameIssuer = federatedCredentials.filter((credential) => credential.issuer === issuer);
  if (sameIssuer.length === 0) throw new EntraError(700211, facts);
  const sameAudience = sameIssuer.filter((credential) => credential.audience === audience);
  if (sameAudience.length === 0) throw new EntraError(700212, facts);
  if (sameAudience.some((credential) => credential.subject === subject)) return;
  const isNearly = sameAudience.some((credential) => credential.subject.toLowerCase() === subject.toLowerCase());
  throw new EntraError(isNearly ? 7002138 : 700213, facts);
}
