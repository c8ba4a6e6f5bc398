import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { env } from "node:process";
import { after, before, beforeEach, describe, it } from "node:test";
import { promisify } from "node:util";

const repository = path.join(import.meta.dirname, "../..");
const PROVISIONED = {
  AZURE_RESOURCE_GROUP: "rg-deskpost",
  AZURE_ENV_NAME: "deskpost",
  FUNCTION_APP_NAME: "func-deskpost-x",
  PUBLIC_BASE_URL: "https://func-deskpost-x.azurewebsites.net",
  IDENTITY_PRINCIPAL_ID: "the-principal",
};

/** Two programs that write down how they were called; `az` answers by the beginning of its arguments. */
const STAND_IN = `#!/bin/sh
echo "$(basename "$0") $*" >> "$CALLS"
case "$*" in
  "deployment group create"*) [ "$DENIED" = yes ] && exit 1; echo the-client-id ;;
  "ad app list"*) echo "$KNOWN_APP" ;;
  "ad app create"*) echo the-new-app ;;
  "ad sp list"*) echo "$KNOWN_SP" ;;
  "ad sp create"*) echo the-new-sp ;;
  "ad app federated-credential list"*) echo "$KNOWN_CREDENTIAL" ;;
  "cloud show --query endpoints"*) echo https://login.microsoftonline.com ;;
  "cloud show --query name"*) echo "\${CLOUD:-AzureCloud}" ;;
  "account show"*) echo the-tenant ;;
  "ad signed-in-user show"*) echo the-person ;;
  "rest --method get"*) echo "$KNOWN_ASSIGNMENT" ;;
esac
`;

let folder: string;

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "deskpost-scripts-"));
  for (const program of ["az", "azd"]) {
    await writeFile(path.join(folder, program), STAND_IN);
    await chmod(path.join(folder, program), 0o755);
  }
});

beforeEach(() => writeFile(path.join(folder, "calls"), ""));

after(() => rm(folder, { recursive: true, force: true }));

async function run(script: string, options: readonly string[], variables: Readonly<Record<string, string>>) {
  const { PATH } = env;
  const calls = path.join(folder, "calls");
  const result = await promisify(execFile)("sh", [path.join(repository, "infra", script), ...options], {
    env: { PATH: `${folder}:${PATH}`, CALLS: calls, ...variables },
  }).catch((failure: { stdout: string; stderr: string; code: number }) => failure);
  return { ...result, calls: (await readFile(calls, "utf8")).trim().split("\n") };
}

describe("postprovision.sh", () => {
  it("registers the application and gives its id to the app and to the next provisioning", async () => {
    const { calls, stdout } = await run("postprovision.sh", [], PROVISIONED);
    const [deployed, set, kept] = calls;
    assert.match(
      deployed ?? "",
      /registration\/app-registration\.bicep .*identityPrincipalId=the-principal signInAudience=AzureADMyOrg/,
    );
    assert.match(set ?? "", /appsettings set .*--name func-deskpost-x --settings ENTRA_CLIENT_ID=the-client-id/);
    assert.equal(kept, "azd env set ENTRA_CLIENT_ID the-client-id");
    assert.match(stdout, /the application the-client-id/);
  });

  it("leaves the settings alone when the id is known", async () => {
    const { calls } = await run("postprovision.sh", [], { ...PROVISIONED, ENTRA_CLIENT_ID: "the-client-id" });
    assert.equal(calls.length, 1);
  });

  it("takes a registration that somebody else has made", async () => {
    const variables = { ...PROVISIONED, ENTRA_EXISTING_CLIENT_ID: "theirs", ENTRA_CLIENT_ID: "theirs" };
    assert.deepEqual((await run("postprovision.sh", [], variables)).calls, [""]);
  });

  it("lets mailboxes of other organisations in only when told so, and assigns whom it is told", async () => {
    const variables = { ...PROVISIONED, OTHER_ORGANISATIONS: "true", ADMINISTRATOR_ID: "none" };
    const { calls } = await run("postprovision.sh", [], variables);
    assert.match(calls[0] ?? "", /signInAudience=AzureADMultipleOrgs administratorId=none/);
  });

  it("fails with the way on when Entra does not let it register", async () => {
    const failed = await run("postprovision.sh", [], { ...PROVISIONED, DENIED: "yes" });
    assert.equal("code" in failed && failed.code, 1);
    assert.match(failed.stderr, /register-app\.sh https:\/\/func-deskpost-x\.azurewebsites\.net the-principal/);
    assert.equal(failed.calls.length, 1);
  });
});

describe("register-app.sh", () => {
  const URL_AND_PRINCIPAL = ["https://deskpost.example.com", "the-principal"];

  it("makes application, enterprise application, federated credential and administrator", async () => {
    const { calls, stdout } = await run("register-app.sh", URL_AND_PRINCIPAL, {});
    const all = calls.join("\n");
    assert.equal(stdout.trim(), "the-new-app");
    assert.match(
      all,
      /ad app update --id the-new-app .*--web-redirect-uris https:\/\/deskpost\.example\.com\/api\/finish-consent/s,
    );
    assert.match(
      all,
      /"issuer":"https:\/\/login\.microsoftonline\.com\/the-tenant\/v2\.0","subject":"the-principal","audiences":\["api:\/\/AzureADTokenExchange"\]/,
    );
    assert.match(all, /rest --method post .*"principalId":"the-person","resourceId":"the-new-sp"/);
    assert.doesNotMatch(all, /credential reset|password/);
  });

  it("makes nothing twice", async () => {
    const known = { KNOWN_APP: "app", KNOWN_SP: "sp", KNOWN_CREDENTIAL: "credential", KNOWN_ASSIGNMENT: "assignment" };
    const { calls } = await run("register-app.sh", URL_AND_PRINCIPAL, known);
    assert.deepEqual(
      calls.filter((call) => /\bcreate\b|--method post/.test(call)),
      [],
    );
    assert.match(calls.join("\n"), /federated-credential update --id app --federated-credential-id credential/);
  });

  it("takes the audience of the cloud", async () => {
    const { calls } = await run("register-app.sh", URL_AND_PRINCIPAL, { CLOUD: "AzureChinaCloud" });
    assert.match(calls.join("\n"), /api:\/\/AzureADTokenExchangeChina"/);
  });
});
