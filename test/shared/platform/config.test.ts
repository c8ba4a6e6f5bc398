import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  ConfigurationError,
  type Environment,
  fetchSchedule,
  readConfig,
  readTelemetryConfig,
} from "../../../shared/platform/config.ts";

const DESKS = '{"support":{"kind":"uvdesk","url":"https://desk.contoso.test"}}';

/** Everything that has to be set. */
const valid: Environment = {
  AzureWebJobsStorage: "UseDevelopmentStorage=true",
  PUBLIC_BASE_URL: "https://deskpost.contoso.test",
  KEY_VAULT_URL: "https://contoso.vault.azure.net",
  ENTRA_CLIENT_ID: "1d2c3b4a-5f6e-4789-90ab-cdef01234567",
  DESKS,
};

/** The faults that a change of the valid settings leads to, as "SETTING: fault". */
function faultsOf(changes: Environment): string[] {
  try {
    readConfig({ ...valid, ...changes });
  } catch (error) {
    assert.ok(error instanceof ConfigurationError, String(error));
    assert.equal(error.code, "CONFIGURATION_INVALID");
    for (const { setting, fault } of error.faults) assert.ok(error.message.includes(`  ${setting}: ${fault}`));
    return error.faults.map(({ setting, fault }) => `${setting}: ${fault}`);
  }
  return [];
}

describe("settings that are complete", () => {
  it("need no more than five; the rest has defaults", () => {
    assert.deepEqual(readConfig(valid), {
      publicBaseUrl: "https://deskpost.contoso.test",
      storage: { connectionString: "UseDevelopmentStorage=true" },
      keyVaultUrl: "https://contoso.vault.azure.net",
      managedIdentityClientId: undefined,
      entra: {
        clientId: "1d2c3b4a-5f6e-4789-90ab-cdef01234567",
        loginUrl: "https://login.microsoftonline.com",
        tenant: undefined,
        adminTenant: undefined,
        authentication: { kind: "federated-credential", audience: "api://AzureADTokenExchange" },
      },
      graphUrl: "https://graph.microsoft.com",
      applicationScope: "https://graph.microsoft.com/.default",
      desks: { support: { kind: "uvdesk", url: "https://desk.contoso.test" } },
      refreshTokenSaving: "weekly",
      fetch: { budgetSeconds: 45, concurrency: 4, longestQuietMinutes: 0, longestBrokenMinutes: 15 },
      pageLinks: {},
    });
  });

  it("are taken as they are set", () => {
    const config = readConfig({
      ...valid,
      MANAGED_IDENTITY_CLIENT_ID: "f0e1d2c3-b4a5-4968-8776-655443322110",
      ENTRA_TENANT: "contoso.test",
      ENTRA_LOGIN_URL: "https://login.microsoftonline.us/",
      ENTRA_CLIENT_AUTHENTICATION: "client-secret",
      ENTRA_CLIENT_SECRET_NAME: "our-secret",
      GRAPH_URL: "http://127.0.0.1:7075",
      DESKS: '{"hook":{"kind":"webhook","url":"https://desk.contoso.test/inbound/"}}',
      FETCH_BUDGET_SECONDS: "300",
      FETCH_CONCURRENCY: "16",
      PAGE_LINKS: '{"Runbook":"https://wiki.contoso.test/"}',
    });
    assert.equal(config.managedIdentityClientId, "f0e1d2c3-b4a5-4968-8776-655443322110");
    assert.deepEqual(config.entra.authentication, { kind: "client-secret", secretName: "our-secret" });
    assert.equal(config.entra.loginUrl, "https://login.microsoftonline.us");
    assert.equal(config.entra.tenant, "contoso.test");
    assert.equal(config.graphUrl, "http://127.0.0.1:7075");
    assert.deepEqual(config.desks, {
      hook: { kind: "webhook", url: "https://desk.contoso.test/inbound/", secretName: "webhook-signing-secret" },
    });
    assert.deepEqual(config.fetch, {
      budgetSeconds: 300,
      concurrency: 16,
      longestQuietMinutes: 0,
      longestBrokenMinutes: 15,
    });
    assert.deepEqual(config.pageLinks, { Runbook: "https://wiki.contoso.test" });
  });

  it("set login, Graph and audience by the cloud, each of which can still be set by itself", () => {
    const china = readConfig({ ...valid, MICROSOFT_CLOUD: "china" });
    assert.equal(china.entra.loginUrl, "https://login.partner.microsoftonline.cn");
    assert.equal(china.graphUrl, "https://microsoftgraph.chinacloudapi.cn");
    assert.equal(china.applicationScope, "https://microsoftgraph.chinacloudapi.cn/.default");
    const audience = "api://AzureADTokenExchangeChina";
    assert.deepEqual(china.entra.authentication, { kind: "federated-credential", audience });
    const dod = readConfig({ ...valid, MICROSOFT_CLOUD: "us-dod", ENTRA_FEDERATION_AUDIENCE: "api://other" });
    assert.equal(dod.graphUrl, "https://dod-graph.microsoft.us");
    assert.deepEqual(dod.entra.authentication, { kind: "federated-credential", audience: "api://other" });
    assert.deepEqual(faultsOf({ MICROSOFT_CLOUD: "moon" }), [
      'MICROSOFT_CLOUD: must be "global", "us-gov", "us-dod" or "china"',
    ]);
  });

  it("reach storage by managed identity where there is no connection string", () => {
    const tableServiceUri = "https://contoso.table.core.windows.net";
    const queueServiceUri = "https://contoso.queue.core.windows.net";
    const environment = {
      ...valid,
      AzureWebJobsStorage: undefined,
      AzureWebJobsStorage__tableServiceUri: tableServiceUri,
      AzureWebJobsStorage__queueServiceUri: queueServiceUri,
    };
    assert.deepEqual(readConfig(environment).storage, { tableServiceUri, queueServiceUri });
  });

  it("take the platform's own host name where no public address is set, and never else", () => {
    const WEBSITE_HOSTNAME = "contoso-deskpost.azurewebsites.net";
    const { publicBaseUrl } = readConfig({ ...valid, PUBLIC_BASE_URL: undefined, WEBSITE_HOSTNAME });
    assert.equal(publicBaseUrl, "https://contoso-deskpost.azurewebsites.net");
    assert.equal(readConfig({ ...valid, WEBSITE_HOSTNAME }).publicBaseUrl, "https://deskpost.contoso.test");
  });

  it("let the administrators of one tenant in: the one that is named, or else the only one there is", () => {
    const adminTenant = (changes: Environment) => readConfig({ ...valid, ...changes }).entra.adminTenant;
    assert.equal(adminTenant({}), undefined);
    assert.equal(adminTenant({ ENTRA_TENANT: "contoso.test" }), "contoso.test");
    assert.equal(adminTenant({ ENTRA_TENANT: "contoso.test", ADMIN_TENANT: "fabrikam.test" }), "fabrikam.test");
    assert.throws(() => adminTenant({ ADMIN_TENANT: "https://login.test/x" }), /ADMIN_TENANT: is neither the id nor/);
  });

  it("may be there and empty, as a template leaves an optional one: that is as if it were not there", () => {
    const config = readConfig({ ...valid, ENTRA_TENANT: "", MANAGED_IDENTITY_CLIENT_ID: "" });
    assert.equal(config.entra.tenant, undefined);
    assert.equal(config.managedIdentityClientId, undefined);
  });
});

describe("settings that are missing", () => {
  for (const [setting, put] of [
    ["PUBLIC_BASE_URL", "the https address of this app, such as https://deskpost.example.com"],
    ["KEY_VAULT_URL", "the vault's URI, https://NAME.vault.azure.net"],
    ["ENTRA_CLIENT_ID", "the application (client) id of the app registration"],
    ["DESKS", 'JSON such as {"support":{"kind":"uvdesk","url":"https://desk.example.com"}}'],
  ] as const) {
    it(`are named, with what to put: ${setting}`, () => {
      assert.deepEqual(faultsOf({ [setting]: undefined }), [`${setting}: is missing; put ${put}`]);
    });
  }

  it("are named, with what to put: AzureWebJobsStorage", () => {
    const [fault, ...more] = faultsOf({ AzureWebJobsStorage: undefined });
    assert.equal(more.length, 0);
    assert.match(fault ?? "", /^AzureWebJobsStorage: is missing; put a connection string, or set .*tableServiceUri/);
  });

  it("are named all at once, together with those that are malformed", () => {
    const faults = faultsOf({
      AzureWebJobsStorage: "",
      PUBLIC_BASE_URL: "http://deskpost.contoso.test",
      KEY_VAULT_URL: undefined,
      ENTRA_CLIENT_ID: " ",
      ENTRA_CLIENT_AUTHENTICATION: "password",
      DESKS: "{",
      FETCH_SCHEDULE: "* * * *",
      FETCH_CONCURRENCY: "0",
    });
    assert.deepEqual(faults.map((fault) => fault.split(":")[0]).sort(), [
      "AzureWebJobsStorage",
      "DESKS",
      "ENTRA_CLIENT_AUTHENTICATION",
      "ENTRA_CLIENT_ID",
      "FETCH_CONCURRENCY",
      "FETCH_SCHEDULE",
      "KEY_VAULT_URL",
      "PUBLIC_BASE_URL",
    ]);
    assert.deepEqual(faultsOf({}), []);
  });
});

describe("settings that are malformed", () => {
  const cases: readonly (readonly [Environment, string])[] = [
    [
      { PUBLIC_BASE_URL: "http://deskpost.contoso.test" },
      'PUBLIC_BASE_URL: "http://deskpost.contoso.test" is not https, and only http://localhost and http://127.0.0.1 may be; put https://deskpost.contoso.test',
    ],
    [
      { PUBLIC_BASE_URL: "  " },
      "PUBLIC_BASE_URL: is empty; put the https address of this app, such as https://deskpost.example.com",
    ],
    [
      { KEY_VAULT_URL: "contoso" },
      'KEY_VAULT_URL: "contoso" is not a URL; put the vault\'s URI, https://NAME.vault.azure.net',
    ],
    [
      { KEY_VAULT_URL: "http://contoso.vault.azure.net" },
      'KEY_VAULT_URL: "http://contoso.vault.azure.net" is not https; put the vault\'s URI, https://NAME.vault.azure.net',
    ],
    [{ ENTRA_CLIENT_ID: "" }, "ENTRA_CLIENT_ID: is missing; put the application (client) id of the app registration"],
    [
      { ENTRA_LOGIN_URL: "http://login.microsoftonline.com" },
      'ENTRA_LOGIN_URL: "http://login.microsoftonline.com" is not https; put https://login.microsoftonline.com',
    ],
    [
      { ENTRA_CLIENT_AUTHENTICATION: "secret" },
      'ENTRA_CLIENT_AUTHENTICATION: must be "federated-credential", "client-secret" or "certificate"',
    ],
    [
      { ENTRA_CLIENT_SECRET_NAME: "our_secret" },
      "ENTRA_CLIENT_SECRET_NAME: is not the name of a Key Vault secret (letters, digits, hyphens)",
    ],
    [
      { GRAPH_URL: "http://graph.microsoft.com" },
      'GRAPH_URL: "http://graph.microsoft.com" is not https; put https://graph.microsoft.com',
    ],
    [
      { DESKS: "[]" },
      `DESKS: must be a JSON object of desks; put for instance {"support":{"kind":"uvdesk","url":"https://desk.example.com"}}`,
    ],
    [
      { DESKS: "{}" },
      `DESKS: names no desk; put for instance {"support":{"kind":"uvdesk","url":"https://desk.example.com"}}`,
    ],
    [
      { DESKS: '{"a":{"kind":"zendesk","url":"https://x.test"}}' },
      'DESKS.a.kind: "kind" must be "uvdesk" or "webhook"',
    ],
    [
      { DESKS: '{"a":{"kind":"uvdesk"}}' },
      "DESKS.a.url: is missing; put the address of the UVdesk site, https://desk.example.com",
    ],
    [
      { DESKS: '{"a":{"kind":"webhook","url":"http://desk.contoso.test/"}}' },
      'DESKS.a.url: "http://desk.contoso.test/" is not https; put the URL that takes the mail, https://desk.example.com/inbound',
    ],
    [
      { DESKS: '{"a":{"kind":"webhook","url":"https://x.test","secretName":"a b"}}' },
      "DESKS.a.secretName: is not the name of a Key Vault secret (letters, digits, hyphens)",
    ],
    [
      { FETCH_SCHEDULE: "every minute" },
      'FETCH_SCHEDULE: "every minute" is neither NCRONTAB of six or five fields nor a time span such as 00:05:00; put for instance 0 */5 * * * *',
    ],
    [
      { FETCH_SCHEDULE: "0 30 8 * * SAT-SUN" },
      'FETCH_SCHEDULE: "0 30 8 * * SAT-SUN" runs backwards in "SAT-SUN", which the timer swaps without a word: list the values instead; put for instance 0 */5 * * * *',
    ],
    [{ FETCH_BUDGET_SECONDS: "1501" }, 'FETCH_BUDGET_SECONDS: "1501" is not a whole number from 1 to 1500'],
    [{ FETCH_BUDGET_SECONDS: "4.5" }, 'FETCH_BUDGET_SECONDS: "4.5" is not a whole number from 1 to 1500'],
    [{ FETCH_CONCURRENCY: "many" }, 'FETCH_CONCURRENCY: "many" is not a whole number from 1 to 32'],
    [
      { PAGE_LINKS: '{"Runbook":"javascript:alert(1)"}' },
      'PAGE_LINKS.Runbook: "javascript:alert(1)" is not https; put an https URL',
    ],
  ];
  for (const [changes, fault] of cases) {
    it(`are named with what to put: ${fault}`, () => {
      assert.deepEqual(faultsOf(changes), [fault]);
    });
  }

  it("of JSON say where the JSON breaks", () => {
    const [fault] = faultsOf({ DESKS: '{"support":' });
    assert.match(fault ?? "", /^DESKS: is not JSON \(.+\); put for instance \{"support"/);
  });

  it("name a desk whose name does not do, and why", () => {
    const [fault] = faultsOf({ DESKS: '{"My Desk":{"kind":"uvdesk","url":"https://x.test"}}' });
    assert.match(fault ?? "", /My Desk.*lower-case letters, digits and hyphens/);
  });

  it("never show a password that stands in an address", () => {
    for (const setting of ["PUBLIC_BASE_URL", "KEY_VAULT_URL", "GRAPH_URL"]) {
      const faults = faultsOf({ [setting]: "http://admin:hunter2@deskpost.contoso.test" });
      assert.equal(faults.length, 1);
      assert.ok(!faults.join().includes("hunter2"), faults.join());
    }
  });
});

describe("the schedule of the timer", () => {
  it("is once a minute unless it is set", () => {
    assert.equal(fetchSchedule({}), "0 * * * * *");
    assert.equal(fetchSchedule({ FETCH_SCHEDULE: "0 */5 * * * *" }), "0 */5 * * * *");
    assert.equal(fetchSchedule({ FETCH_SCHEDULE: "0 0 6-20 * Jan-Nov Mon-Fri" }), "0 0 6-20 * Jan-Nov Mon-Fri");
  });

  it("is registered with single spaces: at a tab or a line end the host would list no function", () => {
    for (const FETCH_SCHEDULE of ["0 */5 * * * *\n", "0\t*/5 *\u00a0* * *", "  0 */5 * *  * * "]) {
      assert.equal(fetchSchedule({ FETCH_SCHEDULE }), "0 */5 * * * *");
      assert.deepEqual(faultsOf({ FETCH_SCHEDULE }), []);
    }
    assert.equal(fetchSchedule({ FETCH_SCHEDULE: " 00:05:00 " }), "00:05:00");
  });

  it("falls back to once a minute where it is malformed, so that the function is listed and can tell the fault", () => {
    for (const FETCH_SCHEDULE of [
      "* * * *",
      "60",
      "0 * * * * * *",
      "0 * * * * ; rm",
      "@hourly",
      "70 * * * * *",
      "0 0 0 L * *",
    ]) {
      assert.equal(fetchSchedule({ FETCH_SCHEDULE }), "0 * * * * *");
      assert.equal(faultsOf({ FETCH_SCHEDULE }).length, 1, FETCH_SCHEDULE);
    }
  });
});

describe("the settings of telemetry", () => {
  const APPLICATIONINSIGHTS_CONNECTION_STRING = "InstrumentationKey=1d2c3b4a-5f6e-4789-90ab-cdef01234567";

  it("send it nowhere where there is no connection string, or an empty one", () => {
    assert.equal(readTelemetryConfig({}), undefined);
    assert.equal(readTelemetryConfig({ APPLICATIONINSIGHTS_CONNECTION_STRING: "" }), undefined);
  });

  it("name the role as the host does", () => {
    const config = readTelemetryConfig({ APPLICATIONINSIGHTS_CONNECTION_STRING, WEBSITE_SITE_NAME: "func-deskpost" });
    assert.deepEqual(config, {
      connectionString: APPLICATIONINSIGHTS_CONNECTION_STRING,
      identity: undefined,
      serviceName: "func-deskpost",
    });
  });

  for (const [text, identity] of [
    ["Authorization=AAD", { clientId: undefined }],
    ["ClientId=1d2c;Authorization=AAD", { clientId: "1d2c" }],
    ["Authorization=AAD;ClientId=1d2c", { clientId: "1d2c" }],
    ["ClientId=1d2c", undefined],
  ] as const) {
    it(`take the identity from "${text}", as the host does`, () => {
      const config = readTelemetryConfig({
        APPLICATIONINSIGHTS_CONNECTION_STRING,
        APPLICATIONINSIGHTS_AUTHENTICATION_STRING: text,
      });
      assert.deepEqual(config?.identity, identity);
    });
  }

  it("do not need the others to be right: a fault there is to be told", () => {
    assert.throws(() => readConfig({ APPLICATIONINSIGHTS_CONNECTION_STRING }), ConfigurationError);
    assert.notEqual(readTelemetryConfig({ APPLICATIONINSIGHTS_CONNECTION_STRING }), undefined);
  });
});
