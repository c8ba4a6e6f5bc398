import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { azureRoute, entraRoute, graphRoute } from "../../../shared/telemetry/routes.ts";

const GRAPH = "https://graph.microsoft.com/v1.0";
const TABLES = "https://deskpost.table.core.windows.net";
const VAULT = "https://deskpost.vault.azure.net";

describe("the route of an address", () => {
  for (const [url, route] of [
    [
      `${GRAPH}/users/help%40contoso.example/mailFolders/inbox/messages/delta?$select=id`,
      "/users/{id}/mailFolders/{id}/messages/delta",
    ],
    [
      `${GRAPH}/users('help@contoso.example')/mailfolders('AAMk=')/messages/delta`,
      "/users/{id}/mailFolders/{id}/messages/delta",
    ],
    [
      `${GRAPH}/users('o''brien@contoso.example')/mailfolders('AAMk=')/messages/delta`,
      "/users/{id}/mailFolders/{id}/messages/delta",
    ],
    [`${GRAPH}/users/o'brien%2Fsales%40contoso.example/messages/AAMkx`, "/users/{id}/messages/{id}"],
    [
      `${GRAPH}/Users/help@contoso.example/MAILFOLDERS/AAMk=/Messages/AAMkx/$value`,
      "/users/{id}/mailFolders/{id}/messages/{id}/$value",
    ],
    [`${GRAPH}/users/help%40contoso.example/messages/delta`, "/users/{id}/messages/delta"],
    [`${GRAPH}/users/messages/messages/messages/move`, "/users/{id}/messages/{id}/move"],
    [`${GRAPH}/users/x/mailFolders/inbox/childFolders/AAMk`, "/users/{id}/mailFolders/{id}/childFolders/{id}"],
    [`${GRAPH}/$batch`, "/$batch"],
  ] as const) {
    it(`of Graph is ${route} for ${url}`, () => assert.equal(graphRoute(url), route));
  }

  it("of Entra names no tenant", () => {
    const login = "https://login.microsoftonline.com";
    assert.equal(entraRoute(`${login}/contoso.example/oauth2/v2.0/token?x=y`), "/{tenant}/oauth2/v2.0/token");
  });

  for (const [url, route] of [
    [`${TABLES}/Grants(PartitionKey='grant',RowKey='a46f')`, "table Grants"],
    [`http://127.0.0.1:10002/devstoreaccount1/Ledger()?$filter=PartitionKey%20eq%20'x'`, "table Ledger"],
    [`${TABLES}/Mailboxes`, "table Mailboxes"],
    [`${TABLES}/$batch`, "table $batch"],
    [`${VAULT}/secrets/refresh-token-a46f-1/0123?api-version=7.6`, "vault /secrets/{name}"],
    [`${VAULT}/deletedsecrets/refresh-token-a46f-1`, "vault /deletedsecrets/{name}"],
    ["http://127.0.0.1:41234/msi/token?resource=x&client_id=y", "identity token"],
    ["https://deskpost.queue.core.windows.net/mailbox-fetches/messages", "queue"],
    ["https://elsewhere.example/private/words", "azure"],
  ] as const) {
    it(`of Azure is "${route}" for ${url}`, () => assert.equal(azureRoute(url), route));
  }
});
