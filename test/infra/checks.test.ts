import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { METRICS } from "../../shared/telemetry/metrics.ts";
import type { Resource } from "./bicep.ts";
import { dimensionFaults, queriesOf, queriesOfFile, queryFaults, ruleFaults, runbookFaults } from "./check-queries.ts";
import { registrationFaults, scriptFaults } from "./check-registration.ts";
import { azdFaults, readmeFaults, workflowFaults } from "./check-repository.ts";
import { roleFaults } from "./check-roles.ts";
import { type Code, flexFaults, hardeningFaults, nameFaults, settingFaults } from "./check-template.ts";

const code: Code = {
  settings: ["DESKS", "FETCH_CONCURRENCY"],
  tables: ["Mailboxes"],
  queues: ["fetches"],
  functions: ["fetch-mail", "health"],
};

const hostSettings = {
  AzureWebJobsStorage__credential: "",
  AzureWebJobsStorage__clientId: "",
  AzureWebJobsStorage__blobServiceUri: "",
  AzureWebJobsStorage__queueServiceUri: "",
  AzureWebJobsStorage__tableServiceUri: "",
  APPLICATIONINSIGHTS_CONNECTION_STRING: "",
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: "",
  FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: "",
};
const appSettings = (settings: Record<string, string>): Resource[] => [
  { type: "Microsoft.Web/sites/config", name: "app/appsettings", properties: { ...hostSettings, ...settings } },
];

describe("settings", () => {
  it("are well when each is set or can be, and nothing else is", () => {
    assert.deepEqual(settingFaults(appSettings({ DESKS: "{}" }), ["FETCH_CONCURRENCY"], code), []);
  });

  it("must all be there", () => {
    assert.deepEqual(settingFaults(appSettings({ DESKS: "{}" }), [], code), [
      "FETCH_CONCURRENCY is read, but the template cannot set it",
    ]);
    assert.deepEqual(settingFaults([], [], code), ["The template sets no app settings"]);
  });

  it("must all be read, and allowed", () => {
    const set = appSettings({ DESKS: "{}", FETCH_CONCURRENCY: "4", WEBSITE_TIME_ZONE: "UTC" });
    assert.deepEqual(settingFaults(set, ["OLD"], code), [
      "WEBSITE_TIME_ZONE is set, but nothing reads it",
      "OLD is set, but nothing reads it",
      "WEBSITE_TIME_ZONE must not exist on Flex Consumption",
    ]);
  });
});

describe("names", () => {
  const table = (name: string): Resource => ({
    type: "Microsoft.Storage/storageAccounts/tableServices/tables",
    name: `account/default/${name}`,
  });
  const queue = (name: string): Resource => ({
    type: "Microsoft.Storage/storageAccounts/queueServices/queues",
    name: `account/default/${name}`,
  });
  const alwaysReady = (name: string): Resource => ({
    type: "Microsoft.Web/sites",
    properties: { functionAppConfig: { scaleAndConcurrency: { alwaysReady: [{ name, instanceCount: 1 }] } } },
  });
  const webTest = { type: "Microsoft.Insights/webtests" };
  const whole = [
    table("Mailboxes"),
    queue("fetches"),
    queue("fetches-poison"),
    alwaysReady("function:fetch-mail"),
    webTest,
  ];

  it("agree", () => assert.deepEqual(nameFaults(whole, code), []));

  it("differ by a table, a queue, a poison queue, a function or the web test", () => {
    assert.deepEqual(nameFaults([table("Mailbox"), queue("fetches"), alwaysReady("function:fetch")], code), [
      'The template makes no table "Mailboxes"',
      'No code uses the table "Mailbox"',
      'The template makes no queue "fetches-poison"',
      'alwaysReady names a function "fetch", which does not exist',
      "No web test asks the function health",
    ]);
  });
});

describe("hardening", () => {
  it("notices shared keys, a key that is read, and what is not said at all", () => {
    const faults = hardeningFaults(
      [
        {
          type: "Microsoft.Storage/storageAccounts",
          properties: { allowSharedKeyAccess: true, key: "[listKeys('x')]" },
        },
      ],
      true,
    );
    assert.ok(faults.includes("Microsoft.Storage/storageAccounts: allowSharedKeyAccess is true"));
    assert.ok(faults.includes("Microsoft.Web/sites: httpsOnly is not set"));
    assert.ok(faults.includes("Microsoft.KeyVault/vaults: enablePurgeProtection is not set"));
    assert.ok(faults.includes("The template reads a key by listKeys: everything goes by identity"));
  });
});

describe("Flex Consumption", () => {
  it("has no ftpsState, however deep it lies", () => {
    const site = (siteConfig: object): Resource => ({ type: "Microsoft.Web/sites", properties: { siteConfig } });
    assert.deepEqual(flexFaults([site({ minTlsVersion: "1.2" })]), []);
    assert.deepEqual(flexFaults([site({ ftpsState: "Disabled" })]), [
      "Microsoft.Web/sites: ftpsState does not exist on Flex Consumption",
    ]);
  });
});

describe("roles", () => {
  const account = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a";
  const queue = (name: string) => `${account}/queueServices/default/queues/${name}`;
  const grant = (scope: string, role: string): Resource => ({
    type: "Microsoft.Authorization/roleAssignments",
    id: `[extensionResourceId('${scope}', 'Microsoft.Authorization/roleAssignments', guid('x'))]`,
    properties: { roleDefinitionId: `/providers/Microsoft.Authorization/roleDefinitions/${role}` },
  });
  const others = [
    grant(account, "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"),
    grant(account, "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"),
    grant("/providers/Microsoft.KeyVault/vaults/v", "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"),
    grant("/providers/Microsoft.Insights/components/i", "3913510d-42f4-4e42-8a64-420c390055eb"),
  ];
  const contributor = "974c5e8b-45b9-4653-ba55-5f855dd0fb88";
  const queues = ["fetches", "fetches-poison"];
  const whole = [...others, ...queues.map((name) => grant(queue(name), contributor))];

  it("are enough for what the host and the app do", () => assert.deepEqual(roleFaults(whole, queues), []));

  it("are each needed", () => {
    for (const one of whole) {
      const faults = roleFaults(
        whole.filter((other) => other !== one),
        queues,
      );
      assert.ok(faults.length > 0, String(one.id));
    }
    assert.match(roleFaults(whole.slice(0, -1), queues).join(), /messages\/write.*"fetches-poison"|"fetches-poison"/);
  });

  it("must let a failed message be returned, which reading, taking and sending together do not", () => {
    const three = [
      "19e7f393-937e-4f77-808e-94535e297925",
      "8a0f0c08-91a1-4084-bc3d-661d67233fed",
      "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a",
    ].flatMap((role) => queues.map((name) => grant(queue(name), role)));
    const faults = roleFaults([...others, ...three], queues);
    assert.equal(faults.filter((fault) => /returns a failed message/.test(fault)).length, 2, faults.join("\n"));
  });

  it("are no wider than needed", () => {
    assert.match(roleFaults([...others, grant(account, contributor)], queues).join(), /on the whole account/);
    const owner = grant("/providers/Microsoft.KeyVault/vaults/v", "b7e6dc6d-f1e8-4753-8033-0f276bb0955b");
    assert.match(roleFaults([...whole, owner], queues).join(), /Blob Data Owner is granted .* but nothing needs it/);
  });
});

describe("queries", () => {
  const faultsOf = (text: string) => queryFaults({ where: "here", text }, METRICS, ["message gone"]);

  it("may name what the code emits", () => {
    assert.deepEqual(
      faultsOf('AppMetrics | where Name == "deskpost.messages" and tostring(Properties.outcome) == "quarantined"'),
      [],
    );
    assert.deepEqual(faultsOf('AppTraces | where event == "message gone"'), []);
  });

  it("may name no other metric, attribute, value or event", () => {
    assert.deepEqual(faultsOf('AppMetrics | where Name == "deskpost.tick"'), [
      'here: no metric "deskpost.tick" is emitted',
    ]);
    assert.deepEqual(faultsOf('AppMetrics | where Name == "deskpost.ticks" | summarize by tostring(Properties.desk)'), [
      'here: deskpost.ticks has no attribute "desk"',
    ]);
    assert.deepEqual(
      faultsOf('AppMetrics | where Name == "deskpost.messages" and tostring(Properties.outcome) == "lost"'),
      ['here: outcome is never "lost"'],
    );
    assert.deepEqual(faultsOf('AppTraces | where event == "message lost"'), [
      'here: no event "message lost" is logged',
    ]);
    assert.deepEqual(faultsOf("AppMetrics | count"), ["here: names no metric"]);
  });

  it("are found in alerts, in workbooks, and in a file of several", () => {
    const workbook = { properties: { serializedData: JSON.stringify({ items: [{ content: { query: "two" } }] }) } };
    const found = queriesOf([
      { type: "rule", properties: { criteria: { query: "one" } } },
      { type: "book", ...workbook },
    ]);
    assert.deepEqual(
      found.map(({ text }) => text),
      ["one", "two"],
    );
    const file = queriesOfFile("file", "// Head.\n\n// 1. First?\nA\n\n// 2. Second?\nB\n");
    assert.deepEqual(
      file.map(({ where }) => where),
      ["file: 1. First?", "file: 2. Second?"],
    );
  });

  it("have a column for each dimension of their alert", () => {
    const rule = (name: string): Resource => ({
      type: "Microsoft.Insights/scheduledQueryRules",
      name: "late",
      properties: {
        allOf: [
          { query: "T\n| summarize value = max(Sum) by mailboxId, desk\n", dimensions: [{ name }, { name: "desk" }] },
        ],
      },
    });
    assert.deepEqual(dimensionFaults([rule("mailboxId")]), []);
    assert.equal(dimensionFaults([rule("mailbox")]).length, 2);
  });
});

describe("the rule of an alert", () => {
  const rule = (query: string, numberOfEvaluationPeriods = 1): Resource => ({
    type: "Microsoft.Insights/scheduledQueryRules",
    name: "rule",
    properties: { allOf: [{ query, failingPeriods: { numberOfEvaluationPeriods } }] },
  });

  it("looks at one period, and has no row where nothing was measured", () => {
    const well = ["T\n| summarize value = max(Sum) by desk", "T\n| summarize value = coalesce(sum(Sum), 0.0)"];
    assert.deepEqual(ruleFaults(well.map((query) => rule(query))), []);
    assert.deepEqual(ruleFaults([rule("T\n| summarize value = max(Sum)\n| where isnotnull(value)")]), []);
    assert.equal(ruleFaults([rule("T\n| summarize value = max(Sum)")]).length, 1);
    assert.equal(ruleFaults([rule("T\n| summarize value = max(Sum) by desk", 2)]).length, 1);
  });
});

describe("the runbook", () => {
  const alert = { type: "Microsoft.Insights/metricAlerts", name: "a", properties: { description: "More: x#no-tick" } };

  it("has a section for each alert, and no other", () => {
    assert.deepEqual(runbookFaults([alert], "# Runbook\n\n## no-tick\n"), []);
    assert.deepEqual(runbookFaults([alert], "## old\n"), [
      "a links to no-tick, which runbook.md does not have",
      "runbook.md has a section old, but no alert links to it",
    ]);
  });
});

describe("the registration", () => {
  const application = (uri: string, more = {}): Resource => ({
    type: "Microsoft.Graph/applications@v1.0",
    properties: {
      web: { redirectUris: [uri] },
      requiredResourceAccess: [{ resourceAccess: [{ id: "570282fd-fa5c-430d-a7fd-fc8dc98a9dca", type: "Scope" }] }],
      appRoles: [{ id: "role-id", value: "Admin" }],
      ...more,
    },
  });
  const credential: Resource = {
    type: "Microsoft.Graph/applications/federatedIdentityCredentials@v1.0",
    properties: { subject: "principal" },
  };
  const wanted = { redirectUrls: ["https://a.test/back"], scopes: ["Mail.Read"], adminRole: "Admin" };

  it("agrees with the code", () => {
    assert.deepEqual(registrationFaults([application("https://a.test/back"), credential], wanted), []);
  });

  it("differs by a redirect URI, a scope, a role, a missing credential or a secret", () => {
    const other = {
      redirectUrls: ["https://a.test/api/back"],
      scopes: ["Mail.ReadWrite"],
      adminRole: "Deskpost.Admin",
    };
    assert.equal(
      registrationFaults([application("https://a.test/back", { passwordCredentials: [] })], other).length,
      7,
    );
  });

  it("is the same by the script", () => {
    const script = "/back 570282fd-fa5c-430d-a7fd-fc8dc98a9dca role-id";
    assert.deepEqual(scriptFaults([application("https://a.test/back")], script), []);
    assert.equal(scriptFaults([application("https://a.test/other")], script).length, 1);
  });
});

describe("the repository", () => {
  const pinned = `actions/checkout@${"a".repeat(40)}`;

  it("has workflows with limited rights, pinned actions and scripts that exist", () => {
    const well = `permissions: {}\njobs: { test: { steps: [{ uses: ${pinned} }, { run: npm run check }] } }`;
    assert.deepEqual(workflowFaults("w", well, ["check"]), []);
    const faulty = `jobs: { test: { steps: [{ uses: actions/checkout@v6 }, { run: npm run chek }] } }\nenv: { A: secrets.A }`;
    assert.equal(workflowFaults("w", faulty, ["check"]).length, 4);
    assert.match(workflowFaults("w", "a: [", [])[0] ?? "", /^w: /);
  });

  it("deploys the package by azd, with hooks that exist", () => {
    const azure = "hooks: { postprovision: { run: a.sh } }\nservices: { deskpost: { dist: dist/package } }";
    assert.deepEqual(
      azdFaults(azure, ["deskpost"], () => true),
      [],
    );
    assert.equal(azdFaults(azure.replace("dist/package", "."), ["other"], () => false).length, 3);
  });

  it("tells of every setting", () => {
    const readme = "## Configure\n\n| `DESKS` | | |\n| `OLD` | | |\n\n## Operate\n\n| `fetch` | | |\n";
    assert.deepEqual(readmeFaults(readme, code.settings), [
      "README.md does not tell of FETCH_CONCURRENCY",
      "README.md tells of OLD, which nothing reads",
    ]);
  });
});
