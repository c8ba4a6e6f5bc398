import type { RegisteredCertificate } from "./entra-certificates.ts";
import { EntraError } from "./entra-errors.ts";

export interface Tenant {
  /** A GUID. */
  readonly id: string;
  readonly domain: string;
}

export interface ClientSecret {
  readonly value: string;
  readonly expiresAt?: Date;
}

/** Whose tokens an application accepts in place of a secret. All three are compared with regard to case. */
export interface FederatedCredential {
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
}

/** An app registration. */
export interface Application {
  readonly clientId: string;
  /** As the consent page names it. */
  readonly name?: string;
  readonly homeTenantId: string;
  readonly multitenant?: boolean;
  readonly redirectUris: readonly string[];
  /** "ID tokens" ticked under Authentication: sign-ins may then be answered without a code. */
  readonly issuesIdTokens?: boolean;
  readonly secrets: readonly ClientSecret[];
  readonly certificates?: readonly RegisteredCertificate[];
  readonly federatedCredentials?: readonly FederatedCredential[];
  /** Application permissions that an admin granted; they come with client_credentials. */
  readonly roles?: readonly string[];
  /** Application permissions that the registration asks for; an admin's consent grants them. */
  readonly requiredRoles?: readonly string[];
  /** Delegated permissions that an admin consented to on behalf of everybody. */
  readonly grantedScopes?: readonly string[];
  /** App roles of people, by object id: what the enterprise application's "Users and groups" says, in any tenant. */
  readonly roleAssignments?: Readonly<Record<string, readonly string[]>>;
}

/** A person (or a shared mailbox) who can sign in. */
export interface Account {
  /** The object id, a GUID. */
  readonly oid: string;
  readonly tenantId: string;
  /** The user principal name. */
  readonly userName: string;
  readonly name: string;
  readonly disabled?: boolean;
}

/** The tenant that a path names; `undefined` for `organizations` and `common`. */
export type PathTenant = Tenant | undefined;

/** Tenants, applications, accounts, and who consented to what. */
export interface Directory {
  tenantInPath(segment: string): PathTenant;
  /** The application, if it may be used at this path. */
  applicationFor(clientId: string, tenant: PathTenant, segment: string): Application;
  readonly accounts: readonly Account[];
  account(oid: string): Account | undefined;
  accountNamed(userName: string): Account | undefined;
  addAccount(account: Account): void;
  setDisabled(oid: string, disabled: boolean): void;
  changeApplication(clientId: string, change: (application: Application) => Application): void;
  /** Names of the scopes to which the account, or an admin for everybody, consented for the application. */
  consented(clientId: string, oid: string): ReadonlySet<string>;
  consent(clientId: string, oid: string, scopes: Iterable<string>): void;
  withdrawConsents(oid: string): void;
}

export interface DirectoryOptions {
  readonly tenants: readonly Tenant[];
  readonly applications: readonly Application[];
  readonly accounts: readonly Account[];
}

export function applicationName(application: Application): string {
  return application.name ?? "Deskpost";
}

export function createDirectory(options: DirectoryOptions): Directory {
  const applications = new Map(options.applications.map((application) => [application.clientId, application]));
  const accounts = new Map(options.accounts.map((account) => [account.oid, account]));
  const consents = new Map<string, { readonly oid: string; readonly scopes: Set<string> }>();

  function tenantInPath(segment: string): PathTenant {
    const wanted = segment.toLowerCase();
    if (wanted === "organizations" || wanted === "common") return undefined;
    const tenant = options.tenants.find(({ id, domain }) => id === wanted || domain.toLowerCase() === wanted);
    if (tenant === undefined) throw new EntraError(90002, { tenant: segment });
    return tenant;
  }

  function applicationFor(clientId: string, tenant: PathTenant, segment: string): Application {
    const application = applications.get(clientId);
    const isHere = application?.multitenant || tenant === undefined || tenant.id === application?.homeTenantId;
    if (application === undefined || !isHere) throw new EntraError(700016, { clientId, tenant: segment });
    if (tenant === undefined && !application.multitenant) {
      throw new EntraError(50194, { clientId, application: applicationName(application), tenant: segment });
    }
    return application;
  }

  return {
    tenantInPath,
    applicationFor,
    get accounts() {
      return [...accounts.values()];
    },
    account: (oid) => accounts.get(oid),
    accountNamed: (userName) =>
      [...accounts.values()].find((account) => account.userName.toLowerCase() === userName.toLowerCase()),
    addAccount(account) {
      accounts.set(account.oid, account);
    },
    setDisabled(oid, disabled) {
      const account = accounts.get(oid);
      if (account === undefined) throw new Error(`The simulated directory has no account ${oid}`);
      accounts.set(oid, { ...account, disabled });
    },
    changeApplication(clientId, change) {
      const application = applications.get(clientId);
      if (application === undefined) throw new Error(`The simulated directory has no application ${clientId}`);
      applications.set(clientId, change(application));
    },
    consented: (clientId, oid) => {
      const own = consents.get(`${clientId} ${oid}`)?.scopes ?? [];
      return new Set([...own, ...(applications.get(clientId)?.grantedScopes ?? [])]);
    },
    consent(clientId, oid, scopes) {
      const key = `${clientId} ${oid}`;
      const given = consents.get(key) ?? { oid, scopes: new Set() };
      for (const scope of scopes) given.scopes.add(scope);
      consents.set(key, given);
    },
    withdrawConsents(oid) {
      for (const [key, given] of consents) if (given.oid === oid) consents.delete(key);
    },
  };
}
