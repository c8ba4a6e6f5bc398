import { type Answer, json, type SeenRequest, type StandIn, startStandIn } from "../stand-in.ts";
import { createAdminConsent } from "./entra-admin-consent.ts";
import { readCertificate } from "./entra-certificates.ts";
import { createClientAuthentication, type TrustedIssuer } from "./entra-client-authentication.ts";
import {
  type Account,
  type ClientSecret,
  createDirectory,
  type DirectoryOptions,
  type PathTenant,
} from "./entra-directory.ts";
import { EntraError, entraErrorAnswer, noStore } from "./entra-errors.ts";
import { entraMetadata } from "./entra-metadata.ts";
import { createSignInPages, errorPageAnswer, signOutAnswer } from "./entra-sign-in.ts";
import { createSigner } from "./entra-signing.ts";
import { createTokenEndpoint, type GrantType, type TokenEndpointSettings } from "./entra-token-endpoint.ts";
import { type AccessTokenDescription, createTokens } from "./entra-tokens.ts";

const EVERYBODY = "everybody";

export interface EntraOptions extends DirectoryOptions {
  /** 0 takes a free one. */
  readonly port: number;
  /** 0 to 1, draws the life of access tokens. */
  random?(): number;
}

/** The stand-in for Microsoft Entra: signs people in, gives tokens, refuses as the real one does. */
export interface Entra {
  readonly origin: string;
  readonly server: StandIn;
  /** `iss` of the id tokens of a tenant. */
  issuerOf(tenantId: string): string;
  /** What a token allows, looked at or not by then expired; `undefined` when it is not one of this Entra. */
  describeAccessToken(token: string): AccessTokenDescription | undefined;
  /** Lets this issuer's tokens match the federated credentials of applications. */
  trustIssuer(issuer: TrustedIssuer): void;
  addAccount(account: Account): void;
  /** From now on only an administrator may consent; what was consented to before goes on. */
  requireAdminApproval(on: boolean): void;
  /** Ends the account's refresh tokens and withdraws its consents. Access tokens live on. */
  revoke(oid: string): void;
  /** Gives an account app roles of an application, in place of those that it had. */
  assignRoles(clientId: string, oid: string, roles: readonly string[]): void;
  /** Registers these redirect URIs, in place of those before. */
  setRedirectUris(clientId: string, redirectUris: readonly string[]): void;
  disable(oid: string): void;
  enable(oid: string): void;
  addSecret(clientId: string, secret: ClientSecret): void;
  /** All secrets of the application expire now. */
  expireSecrets(clientId: string): void;
  /** Registers a certificate for the application: its public part, in PEM. */
  addCertificate(clientId: string, pem: string): void;
  /** Every refresh, or every one of this account, is refused with this AADSTS number, until it is `undefined` again. */
  refuseRefresh(code: number | undefined, oid?: string): void;
  /** Whether refreshes bring a new refresh token, as they do at first. */
  setRotation(rotation: TokenEndpointSettings["rotation"]): void;
  /** Adds `refresh_in` to token answers; nothing at first. */
  setRefreshIn(refreshIn: TokenEndpointSettings["refreshIn"]): void;
  /** Requests to the token endpoint by grant type, refused ones too. */
  readonly tokenRequests: Readonly<Record<GrantType, number>>;
  readonly refreshTokensIssued: number;
}

export async function startEntra(options: EntraOptions): Promise<Entra> {
  const { random = Math.random } = options;
  const signer = await createSigner();
  const directory = createDirectory(options);
  const refusals = new Map<string, number | undefined>();
  const settings: TokenEndpointSettings = {
    refusalFor: (oid) => refusals.get(oid) ?? refusals.get(EVERYBODY),
    rotation: "returns-new",
    refreshIn: undefined,
  };
  const trustedIssuers: TrustedIssuer[] = [];
  let adminApproval = false;

  const issuerOf = (tenantId: string) => `${server.origin}/${tenantId}/v2.0`;
  const tokens = createTokens({ signer, issuerOf, random });
  const authenticateClient = createClientAuthentication({
    trustedIssuers: () => trustedIssuers,
    audienceAt: (segment) => `${server.origin}/${nameInUrls(segment)}/oauth2/v2.0/token`,
  });
  const tokenEndpoint = createTokenEndpoint({ directory, tokens, settings, authenticateClient });
  const adminConsent = createAdminConsent(directory);
  const pages = createSignInPages({ directory, tokens, requiresAdminApproval: () => adminApproval });

  /** Sign-in at `organizations` can end in any tenant, whose id replaces the placeholder. */
  function issuerAt(tenant: PathTenant): string {
    return issuerOf(tenant?.id ?? "{tenantid}");
  }

  /** Whatever name a tenant is asked for by, Entra's own URLs name its id. */
  function nameInUrls(segment: string): string {
    return directory.tenantInPath(segment)?.id ?? segment;
  }

  function metadata(_: SeenRequest, segment: string): Answer {
    const issuer = issuerAt(directory.tenantInPath(segment));
    return json(200, entraMetadata(server.origin, nameInUrls(segment), issuer));
  }

  function keys(_: SeenRequest, segment: string): Answer {
    const issuer = issuerAt(directory.tenantInPath(segment));
    return json(200, { keys: [{ ...signer.publicKey, issuer }] });
  }

  type Route = (request: SeenRequest, segment: string) => Answer;
  const machineRoutes: Readonly<Record<string, Route>> = {
    "v2.0/.well-known/openid-configuration": metadata,
    "discovery/v2.0/keys": keys,
    "oauth2/v2.0/token": tokenEndpoint.answer,
  };
  const pageRoutes: Readonly<Record<string, Route>> = {
    "oauth2/v2.0/authorize": pages.authorize,
    "oauth2/v2.0/logout": signOutAnswer,
    login: pages.login,
    "Consent/Set": pages.decide,
    "v2.0/adminconsent": adminConsent.ask,
    "AdminConsent/Set": adminConsent.decide,
  };

  function handle(request: SeenRequest): Answer {
    const [, segment = "", ...rest] = request.path.split("/");
    const path = rest.join("/");
    const machine = machineRoutes[path];
    const page = pageRoutes[path];
    try {
      if (machine) return machine(request, decodeURIComponent(segment));
      if (page) return page(request, decodeURIComponent(segment));
    } catch (error) {
      if (!(error instanceof EntraError)) throw error;
      const correlationId = request.headers["client-request-id"];
      return page ? errorPageAnswer(error) : entraErrorAnswer(error, asOne(correlationId));
    }
    return { status: 404, headers: noStore };
  }

  const server = await startStandIn({ name: "Entra", port: options.port, handle });

  return {
    origin: server.origin,
    server,
    issuerOf,
    describeAccessToken: tokens.describeAccessToken,
    trustIssuer: (issuer) => {
      trustedIssuers.push(issuer);
    },
    addAccount: directory.addAccount,
    requireAdminApproval: (on) => {
      adminApproval = on;
    },
    revoke: (oid) => {
      tokens.revoke(oid);
      directory.withdrawConsents(oid);
    },
    assignRoles: (clientId, oid, roles) =>
      directory.changeApplication(clientId, (application) => ({
        ...application,
        roleAssignments: { ...application.roleAssignments, [oid]: roles },
      })),
    setRedirectUris: (clientId, redirectUris) =>
      directory.changeApplication(clientId, (application) => ({ ...application, redirectUris })),
    disable: (oid) => directory.setDisabled(oid, true),
    enable: (oid) => directory.setDisabled(oid, false),
    addSecret: (clientId, secret) =>
      directory.changeApplication(clientId, (application) => ({
        ...application,
        secrets: [...application.secrets, secret],
      })),
    expireSecrets: (clientId) => {
      const expiresAt = new Date();
      directory.changeApplication(clientId, (application) => ({
        ...application,
        secrets: application.secrets.map(({ value }) => ({ value, expiresAt })),
      }));
    },
    addCertificate: (clientId, pem) =>
      directory.changeApplication(clientId, (application) => ({
        ...application,
        certificates: [...(application.certificates ?? []), readCertificate(pem)],
      })),
    refuseRefresh: (code, oid = EVERYBODY) => {
      refusals.set(oid, code);
    },
    setRotation: (rotation) => {
      settings.rotation = rotation;
    },
    setRefreshIn: (refreshIn) => {
      settings.refreshIn = refreshIn;
    },
    tokenRequests: tokenEndpoint.requests,
    get refreshTokensIssued() {
      return tokens.refreshTokensIssued;
    },
  };
}

function asOne(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
