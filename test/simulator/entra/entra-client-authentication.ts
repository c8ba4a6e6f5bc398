import type { JsonWebKey } from "node:crypto";
import type { SeenRequest } from "../stand-in.ts";
import { type Application, applicationName } from "./entra-directory.ts";
import { EntraError, type Facts } from "./entra-errors.ts";
import { type Claims, isSignedBy, readJwt } from "./entra-signing.ts";

const JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/** Somebody whose tokens can stand for an application's secret: the managed identity of the same tenant. */
export interface TrustedIssuer {
  readonly issuer: string;
  readonly publicKeys: readonly JsonWebKey[];
}

export interface ClientCredential {
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

/** Throws unless the credential is one of the application's. */
export function authenticateClient(
  { secret, assertion }: ClientCredential,
  application: Application,
  trustedIssuers: readonly TrustedIssuer[],
): void {
  if (assertion !== undefined) checkAssertion(assertion, application, trustedIssuers);
  else if (secret !== undefined) checkSecret(secret, application);
  else throw new EntraError(7000218);
}

function checkSecret(secret: string, { clientId, secrets }: Application): void {
  const same = secrets.filter(({ value }) => value === secret);
  if (same.length === 0) throw new EntraError(7000215, { clientId });
  const isAlive = same.some(({ expiresAt }) => expiresAt === undefined || expiresAt.getTime() > Date.now());
  if (!isAlive) throw new EntraError(7000222, { clientId });
}

function checkAssertion(assertion: string, application: Application, trusted: readonly TrustedIssuer[]): void {
  const claims = readJwt(assertion)?.claims;
  if (claims === undefined) throw new EntraError(50027);
  // Signed by the application itself, with the key of a certificate: none is registered here.
  if (claims.iss === application.clientId) throw new EntraError(700027, { clientId: application.clientId });
  matchFederatedCredential(claims, application);
  const issuer = trusted.find((candidate) => candidate.issuer === claims.iss);
  if (issuer === undefined) throw new EntraError(50166);
  if (!issuer.publicKeys.some((key) => isSignedBy(assertion, key))) {
    throw new EntraError(700027, { clientId: application.clientId, application: applicationName(application) });
  }
  checkTimes(claims);
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

function checkTimes(claims: Claims): void {
  const now = Date.now() / 1000;
  const from = Number(claims.nbf ?? 0);
  const until = Number(claims.exp ?? 0);
  if (now < from || now >= until) {
    throw new EntraError(700024, { now: iso(now), from: iso(from), until: iso(until) });
  }
}

function iso(seconds: number): string {
  return new Date(seconds * 1000).toISOString();
}
