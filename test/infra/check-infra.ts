import { existsSync } from "node:fs";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process, { argv, stderr, stdout } from "node:process";
import { METRICS } from "../../shared/telemetry/metrics.ts";
import { type Bicep, findBicep, type Resource } from "./bicep.ts";
import { dimensionFaults, queriesOf, queriesOfFile, queryFaults, ruleFaults, runbookFaults } from "./check-queries.ts";
import { registrationFaults, scriptFaults } from "./check-registration.ts";
import { azdFaults, readmeFaults, workflowFaults } from "./check-repository.ts";
import { roleFaults } from "./check-roles.ts";
import { findAll, flexFaults, hardeningFaults, nameFaults, settingFaults } from "./check-template.ts";
import { packGraphTypes } from "./graph-types.ts";
import { readCode, readEvents, readRegistrationCode } from "./read-code.ts";

const repository = path.join(import.meta.dirname, "../..");
const infra = path.join(repository, "infra");
const read = (file: string) => readFile(path.join(repository, file), "utf8");

/** What can be checked without the compiler. */
async function repositoryFaults(): Promise<string[]> {
  const { scripts } = JSON.parse(await read("package.json"));
  const workflows = (await readdir(path.join(repository, ".github/workflows"))).map(
    (file) => `.github/workflows/${file}`,
  );
  const checked = await Promise.all(
    workflows.map(async (file) => workflowFaults(file, await read(file), Object.keys(scripts))),
  );
  const events = await readEvents(repository);
  const questions = queriesOfFile("infra/questions.kql", await read("infra/questions.kql"));
  return [
    ...checked.flat(),
    ...azdFaults(await read("azure.yaml"), ["deskpost"], (file) => existsSync(path.join(repository, file))),
    ...readmeFaults(await read("README.md"), (await readCode(repository)).settings),
    ...questions.flatMap((query) => queryFaults(query, METRICS, events)),
  ];
}

/** What the compiler says of each file, and whether it is laid out as its formatter would. */
async function compilerFaults(bicep: Bicep, folder: string): Promise<string[]> {
  const unformatted = await bicep.unformatted(folder);
  return [...(await bicep.lint(folder)), ...unformatted.map((file) => `${file} is not laid out: bicep format ${file}`)];
}

/** The compiled template against the code. */
async function templateFaults(bicep: Bicep): Promise<string[]> {
  const code = await readCode(repository);
  const events = await readEvents(repository);
  const optional = await optionalSettings(bicep);
  const development = await bicep.snapshot(path.join(infra, "main.bicepparam"), "subscription");
  const production = await bicep.snapshot(path.join(infra, "production.bicepparam"), "subscription");
  return [development, production].flatMap((resources: readonly Resource[]) => [
    ...settingFaults(resources, optional, code),
    ...nameFaults(resources, code),
    ...hardeningFaults(resources, resources === production),
    ...flexFaults(resources),
    ...roleFaults(
      resources,
      code.queues.flatMap((queue) => [queue, `${queue}-poison`]),
    ),
    ...queriesOf(resources).flatMap((query) => queryFaults(query, METRICS, events)),
    ...dimensionFaults(resources),
    ...ruleFaults(resources),
    ...runbookFaults(resources, runbook),
  ]);
}

/** The names that the sealed type of further settings lets through. */
async function optionalSettings(bicep: Bicep): Promise<string[]> {
  const { definitions } = (await bicep.build(path.join(infra, "types.bicep"))) as { definitions: object };
  const [, type] = Object.entries(definitions).find(([name]) => name.endsWith("OptionalSettings")) ?? [];
  return Object.keys((findAll({ type }, "properties")[0] ?? {}) as object);
}

/** The application at Entra, compiled with our own description of the Graph extension, as a copy in a folder. */
async function registrationFileFaults(bicep: Bicep): Promise<string[]> {
  const folder = await mkdtemp(path.join(tmpdir(), "deskpost-registration-"));
  try {
    await cp(path.join(infra, "registration"), folder, { recursive: true });
    const config = JSON.parse(await readFile(path.join(folder, "bicepconfig.json"), "utf8"));
    config.extensions.microsoftGraphV1 = await packGraphTypes(bicep, path.join(folder, "types"));
    await writeFile(path.join(folder, "bicepconfig.json"), JSON.stringify(config));
    await writeFile(
      path.join(folder, "check.bicepparam"),
      `using 'app-registration.bicep'
param environmentName = 'check'
param publicBaseUrl = 'https://deskpost.example.com'
param identityPrincipalId = '33333333-3333-3333-3333-333333333333'
param administratorId = '44444444-4444-4444-4444-444444444444'
`,
    );
    const resources = await bicep.snapshot(path.join(folder, "check.bicepparam"), "resource group");
    const code = await readRegistrationCode(repository, "https://deskpost.example.com");
    const script = await read("infra/register-app.sh");
    return [
      ...(await compilerFaults(bicep, folder)),
      ...registrationFaults(resources, code),
      ...scriptFaults(resources, script),
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const runbook = await read("infra/runbook.md");
const bicep = await findBicep();
const faults = await repositoryFaults();
if (bicep !== undefined) {
  faults.push(...(await compilerFaults(bicep, infra)));
  for (const check of [templateFaults, registrationFileFaults]) {
    faults.push(...(await check(bicep).catch((error: Error) => [error.message])));
  }
} else if (argv.includes("--require-compiler")) {
  faults.push("There is no Bicep compiler: set BICEP_PATH, or put bicep on the PATH");
}

for (const fault of new Set(faults)) stderr.write(`${fault}\n`);
if (bicep === undefined) {
  stdout.write("SKIPPED: no Bicep compiler (BICEP_PATH, or bicep on the PATH), so no template was compiled.\n");
}
const compiled = bicep === undefined ? "" : `, compiled with ${bicep.version}`;
stdout.write(faults.length === 0 ? `infra/ agrees with the code${compiled}.\n` : `${new Set(faults).size} fault(s)\n`);
process.exitCode = faults.length === 0 ? 0 : 1;
