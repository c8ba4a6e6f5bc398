import { parse } from "yaml";
import { HOST_SETTINGS } from "./check-template.ts";

/** Holds the settings of a README's table (`| \`NAME\` | …`) against the code. */
export function readmeFaults(readme: string, settings: readonly string[]): string[] {
  const table = readme.split(/^## /m).find((section) => section.startsWith("Configure")) ?? "";
  const told = [...table.matchAll(/^\| `(\w+)`/gm)].map(([, name]) => String(name));
  return [
    ...settings.filter((name) => !told.includes(name)).map((name) => `README.md does not tell of ${name}`),
    ...told
      .filter((name) => ![...settings, ...HOST_SETTINGS, "AzureWebJobsStorage"].includes(name))
      .map((name) => `README.md tells of ${name}, which nothing reads`),
  ];
}

interface Workflow {
  readonly permissions?: unknown;
  readonly jobs?: Readonly<Record<string, { readonly steps?: readonly { uses?: string; run?: string }[] }>>;
}

/** What is wrong with a workflow: unreadable, rights not limited, actions not pinned, scripts that do not exist. */
export function workflowFaults(file: string, content: string, scripts: readonly string[]): string[] {
  let workflow: Workflow;
  try {
    workflow = parse(content);
  } catch (error) {
    return [`${file}: ${(error as Error).message}`];
  }
  const steps = Object.values(workflow.jobs ?? {}).flatMap(({ steps = [] }) => steps);
  const actions = steps.flatMap(({ uses }) => (uses === undefined ? [] : [uses]));
  const called = steps.flatMap(({ run = "" }) =>
    [...run.matchAll(/npm run (?:--silent )?([\w:]+)/g)].map(([, name]) => name),
  );
  return [
    ...(steps.length > 0 ? [] : ["has no steps"]),
    ...(workflow.permissions === undefined ? ["does not limit its permissions"] : []),
    ...actions.filter((uses) => !/@[0-9a-f]{40}$/.test(uses)).map((uses) => `${uses} is not pinned to a commit`),
    ...called.filter((name) => !scripts.includes(String(name))).map((name) => `there is no script "${name}"`),
    ...(/\bsecrets\./.test(content) ? ["uses a secret: it signs in by its identity (OIDC)"] : []),
  ].map((fault) => `${file}: ${fault}`);
}

interface AzureYaml {
  readonly hooks?: Readonly<Record<string, { readonly run?: string }>>;
  readonly services?: Readonly<Record<string, { readonly host?: string; readonly dist?: string }>>;
}

/** What azd would not find. */
export function azdFaults(content: string, services: readonly string[], exists: (file: string) => boolean): string[] {
  const azd: AzureYaml = parse(content);
  const hooks = Object.values(azd.hooks ?? {}).flatMap(({ run }) => (run === undefined ? [] : [run]));
  const named = Object.entries(azd.services ?? {});
  return [
    ...hooks.filter((hook) => !exists(hook)).map((hook) => `azure.yaml: there is no ${hook}`),
    ...named
      .filter(([name]) => !services.includes(name))
      .map(([name]) => `azure.yaml: no resource has the tag azd-service-name ${name}`),
    ...(named.some(([, { dist }]) => dist === "dist/package")
      ? []
      : ["azure.yaml: deploys something else than the package"]),
  ];
}
