import { probeDesk } from "../desks/desk-probe.ts";
import { testDelivery } from "../desks/test-message.ts";
import { createDiagnostics } from "../health/checks/diagnostics.ts";
import { createNewMailboxChecks } from "../health/checks/new-mailbox-checks.ts";
import { askOwnAddress, tryKeyVault, tryStorage } from "../health/checks/try-services.ts";
import { createMailboxView, createOverview } from "../health/overview.ts";
import { tokenView } from "../health/token-view.ts";
import { cannotOpenFolder } from "../mail/graph/graph-folder.ts";
import { findSameFolder } from "../mail/graph/same-folder.ts";
import type { Config } from "../platform/config.ts";
import type { Secrets } from "../platform/key-vault-azure.ts";
import type { Tables } from "../platform/tables-azure.ts";
import { createConsents } from "../tokens/consent.ts";
import { mailScopes } from "../tokens/mail-scopes.ts";
import { createPendingConsents } from "../tokens/pending-consents-table.ts";
import { createRedirectProbe } from "../tokens/redirect-probe.ts";
import { consentSubject } from "../web/consent-subject.ts";
import { createCookieKeys } from "../web/session/cookie-keys.ts";
import { createCookieSealer } from "../web/session/cookie-sealer.ts";
import { createRevocations } from "../web/session/revocations-table.ts";
import { createSessions } from "../web/session/sessions.ts";
import { createSignIn } from "../web/session/sign-in.ts";
import { createUrls } from "../web/urls.ts";
import type { MailPath, World } from "./mail.ts";
import type { TokenParts } from "./tokens.ts";

export interface WebPartsOptions extends World {
  readonly config: Config;
  readonly tables: Tables;
  readonly secrets: Secrets;
  readonly tokens: TokenParts;
  readonly mail: MailPath;
}

/** What people click: consent, sign-in, what the pages show, and the checks. */
export function createWebParts({ config, tables, secrets, tokens, mail, log, now, random }: WebPartsOptions) {
  const { registry, ledger, circuitBreaker, deskOf, sourceOf } = mail;
  const { endpoint, grants, sealer, invitations, credentialEnd } = tokens;
  const { tenant, adminTenant, clientId, authentication } = config.entra;
  const urls = createUrls(config.publicBaseUrl);
  const openCircuits = circuitBreaker.list;
  const waiting = ledger.waiting;

  const consents = createConsents({
    ...{ endpoint, grants, sealer, tenant, log, now, random },
    pending: createPendingConsents(tables),
    redirectUrl: urls.redirect,
    useInvitation: invitations.use,
    releaseInvitation: invitations.release,
    async subject(mailboxId) {
      const mailbox = await registry.get(mailboxId);
      return mailbox && consentSubject(mailbox);
    },
    async cannotOpen(mailboxId, accessToken) {
      const mailbox = await registry.get(mailboxId);
      if (mailbox === undefined) return "The mailbox was removed meanwhile";
      const send = mail.graphFor(mailboxId, async () => accessToken);
      return cannotOpenFolder(send, mailbox.address, mailbox.folder);
    },
    async sameFolder(mailboxId, accessToken) {
      const [mailbox, all] = await Promise.all([registry.get(mailboxId), registry.list()]);
      const send = mail.graphFor(mailboxId, async () => accessToken);
      return mailbox && (await findSameFolder(send, mailbox, all))?.folder;
    },
  });

  const cookieSealer = createCookieSealer(createCookieKeys({ secrets, log, now }));
  const revocations = createRevocations({ tables, now });
  const sessions = createSessions({ sealer: cookieSealer, tenant: adminTenant, revocations, now });
  const signIn = createSignIn({
    ...{ endpoint, sealer: cookieSealer, sessions, revocations, tenant: adminTenant, log, now },
    redirectUrl: urls.signInRedirect,
  });

  const asked = {
    redirectUrl: urls.redirect,
    tenantId: endpoint.tenantId,
    probeRedirect: createRedirectProbe(endpoint, urls.redirect),
    now,
  };
  const checkMailbox = createDiagnostics({
    ...{ ...asked, registry, credentialEnd, openCircuits, waiting },
    config: { ...config, ...config.entra, authentication: authentication.kind, deskNames: Object.keys(config.desks) },
    askOwnAddress: () => askOwnAddress(urls.origin),
    tryStorage: () => tryStorage(tables),
    tryKeyVault: () => tryKeyVault(secrets, now()),
    tryApplication: async (tenant) => void (await endpoint.applicationToken({ tenant, claims: undefined })),
    grant: grants.read,
    hasRefreshToken: async (grant) => (await grants.refreshToken(grant.secretName, grant.secretVersion)) !== undefined,
    neededScopes: (mailbox) => mailScopes(consentSubject(mailbox)),
    tryMailbox: async (mailbox) => (await sourceOf(mailbox).changes(undefined)).messages.length,
    probeDesk: ({ desk }) => probeDesk(config.desks[desk]?.url ?? ""),
    async sendTestMessage(mailbox) {
      const delivery = testDelivery(mailbox.id, mailbox.address, now());
      return { key: delivery.idempotencyKey, answer: await deskOf(mailbox).deliver(delivery) };
    },
    pending: (id, limit) => ledger.messages(id, "pending", limit),
  });

  return {
    ...{ urls, consents, invitations, sessions, signIn, revocations, checkMailbox },

    async invite(mailboxId: string, anyAccount: boolean) {
      const { token, endsAt } = await invitations.create({ mailboxId, anyAccount });
      log.info("owner invited", { mailboxId, endsAt });
      return { url: urls.invitation(token), endsAt };
    },
    checkNewMailbox: createNewMailboxChecks({
      ...{ ...asked, tenant, clientId, scopes: mailScopes, probeDesk },
      deskUrls: Object.fromEntries(Object.entries(config.desks).map(([name, { url }]) => [name, url])),
    }),
    view: createMailboxView({
      ...{ registry, waiting, openCircuits, now },
      async token(id) {
        const grant = await grants.read(id);
        return grant && tokenView(grant);
      },
    }),
    overview: createOverview({
      ...{ registry, waiting, openCircuits, mailPerHour: mail.activity.mailPerHour, now },
      tokens: async () => new Map((await grants.list()).map((grant) => [grant.mailboxId, tokenView(grant)])),
    }),
  };
}
