import type { Metric } from "../../shared/telemetry/metrics.ts";
import type { Resource } from "./bicep.ts";
import { findAll } from "./check-template.ts";

export interface Query {
  /** Where it stands, for whoever repairs it. */
  readonly where: string;
  readonly text: string;
}

type Metrics = Readonly<Record<string, Metric>>;

/** The queries of alerts and workbooks. */
export function queriesOf(resources: readonly Resource[]): Query[] {
  return resources.flatMap((resource) => {
    const workbooks = findAll(resource, "serializedData").map((data): unknown => JSON.parse(String(data)));
    const texts = [resource, ...workbooks].flatMap((place) => findAll(place, "query"));
    return texts.map((text) => ({ where: `${resource.type} ${resource.name}`, text: String(text) }));
  });
}

/** The queries of a file that holds several, each under a comment `// 1. …`. */
export function queriesOfFile(where: string, content: string): Query[] {
  return content
    .split(/^(?=\/\/ \d+\. )/m)
    .filter((part) => /^\/\/ \d+\. /.test(part))
    .map((text) => ({ where: `${where}: ${text.slice(3, text.indexOf("\n"))}`, text }));
}

/**
 * Holds a query against what the code emits: the metric's name, its attributes, and the values that an attribute is
 * compared with, where the code has a fixed set of them.
 */
export function queryFaults({ where, text }: Query, metrics: Metrics, events: readonly string[]): string[] {
  const names = [...text.matchAll(/"(deskpost\.[\w.]+)"/g)].map(([, name]) => String(name));
  const unknown = names.filter((name) => metrics[name] === undefined).map((name) => `no metric "${name}" is emitted`);
  if (unknown.length > 0) return unknown.map((fault) => `${where}: ${fault}`);
  if (/\bAppMetrics\b/.test(text) && names.length === 0) return [`${where}: names no metric`];

  const sources = names.flatMap((name) => metrics[name]?.from ?? []);
  const attributes = new Set<string>(
    sources.flatMap(({ attributes = [], set = {} }) => [...attributes, ...Object.keys(set)]),
  );
  const used = names.length === 0 ? [] : [...text.matchAll(/Properties\.(\w+)/g)].map(([, name]) => String(name));
  const compared = [...text.matchAll(/Properties\.(\w+)\) == "([^"]+)"/g)];
  const asked = [...text.matchAll(/\bevent == "([^"]+)"/g)].map(([, event]) => String(event));
  return [
    ...used.filter((name) => !attributes.has(name)).map((name) => `${names} has no attribute "${name}"`),
    ...compared
      .filter(([, name, value]) => !canBe(sources, name, value))
      .map(([, name, value]) => `${name} is never "${value}"`),
    ...asked.filter((event) => !events.includes(event)).map((event) => `no event "${event}" is logged`),
  ].map((fault) => `${where}: ${fault}`);
}

function canBe(sources: Metric["from"], name = "", value = ""): boolean {
  return sources.some(({ attributes = [], set = {} }) => set[name] === value || attributes.some((own) => own === name));
}

/** An alert by mailbox or desk must have that column, or it would never fire. */
export function dimensionFaults(resources: readonly Resource[]): string[] {
  return resources
    .filter(({ type }) => type === "Microsoft.Insights/scheduledQueryRules")
    .flatMap((rule) => {
      const columns = findAll(rule, "query")
        .map((query) => /\bby (.+)$/m.exec(String(query))?.[1]?.trim() ?? "")
        .join();
      const dimensions = findAll(rule, "dimensions").flat() as { name: string }[];
      return differences(
        dimensions.map(({ name }) => name),
        columns
          .split(/,\s*/)
          .map((column) => column.trim())
          .filter(Boolean),
      ).map((column) => `${rule.name}: "${column}" is a dimension or a column of the query, but not both`);
    });
}

const differences = (one: readonly string[], other: readonly string[]) => [
  ...one.filter((item) => !other.includes(item)),
  ...other.filter((item) => !one.includes(item)),
];

/**
 * An alert whose rule cannot work as it reads: several evaluation periods are several windows, and a `summarize` without
 * `by` makes a row that holds null where nothing was measured.
 * https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-create-log-alert-rule
 */
export function ruleFaults(resources: readonly Resource[]): string[] {
  return resources
    .filter(({ type }) => type === "Microsoft.Insights/scheduledQueryRules")
    .flatMap((rule) => {
      const periods = findAll(rule, "numberOfEvaluationPeriods").map(Number);
      const several = periods.some((number) => number > 1);
      const nulls = findAll(rule, "query").map(String).filter(givesNull);
      return [
        ...(several ? [`${rule.name}: more than one evaluation period; count in the query instead`] : []),
        ...nulls.map(() => `${rule.name}: a row of null where nothing was measured; add "where isnotnull(value)"`),
      ];
    });
}

function givesNull(query: string): boolean {
  const summary = query.split("\n").findLast((line) => /\|\s*summarize\b/.test(line)) ?? "";
  return summary !== "" && !/\bby\b/.test(summary) && !/\bcoalesce\(/.test(summary) && !/\bisnotnull\(/.test(query);
}

/** Each alert links to a section of the runbook, and each section belongs to an alert. */
export function runbookFaults(resources: readonly Resource[], runbook: string): string[] {
  const linked = resources
    .filter(({ type }) => /\/(scheduledQueryRules|metricAlerts)$/.test(type))
    .map(({ name, properties }) => ({ name, anchor: /#([\w-]+)/.exec(String(properties?.description))?.[1] }));
  const sections = [...runbook.matchAll(/^## ([\w-]+)$/gm)].map(([, section]) => String(section));
  return [
    ...linked
      .filter(({ anchor }) => anchor === undefined || !sections.includes(anchor))
      .map(({ name, anchor }) => `${name} links to ${anchor}, which runbook.md does not have`),
    ...sections
      .filter((section) => !linked.some(({ anchor }) => anchor === section))
      .map((section) => `runbook.md has a section ${section}, but no alert links to it`),
  ];
}
