import { TABLE_REFUSALS, tableError } from "./table-errors.ts";
import type { Property, Row } from "./table-row.ts";

/** A filter as the table service understands it, and the keys to which it confines the search. */
export interface TableFilter {
  matches(row: Row): boolean;
  readonly partitionKey: string | undefined;
  /** No row before this key matches. */
  readonly firstRowKey: string;
  /** No row behind this key matches; `undefined` where there is no such bound. */
  readonly lastRowKey: string | undefined;
}

type Comparison = "eq" | "ne" | "gt" | "ge" | "lt" | "le";
type Expression =
  | { readonly kind: "and" | "or"; readonly sides: readonly [Expression, Expression] }
  | { readonly kind: "not"; readonly inner: Expression }
  | { readonly kind: "compare"; readonly name: string; readonly comparison: Comparison; readonly literal: Property };

const COMPARISONS: Readonly<Record<Comparison, (order: number) => boolean>> = {
  eq: (order) => order === 0,
  ne: (order) => order !== 0,
  gt: (order) => order > 0,
  ge: (order) => order >= 0,
  lt: (order) => order < 0,
  le: (order) => order <= 0,
};

const EVERYTHING: TableFilter = {
  matches: () => true,
  partitionKey: undefined,
  firstRowKey: "",
  lastRowKey: undefined,
};

/**
 * Reads the part of OData that the table service knows; what it does not know is refused, as there.
 * https://learn.microsoft.com/rest/api/storageservices/querying-tables-and-entities
 */
export function readTableFilter(text: string | undefined): TableFilter {
  if (text === undefined || text === "") return EVERYTHING;
  const expression = parse(text);
  let filter = { ...EVERYTHING, matches: (row: Row) => isTrue(expression, row) };
  for (const { name, comparison, literal } of conditionsOf(expression)) {
    if (typeof literal !== "string") continue;
    if (name === "PartitionKey" && comparison === "eq") filter = { ...filter, partitionKey: literal };
    if (name !== "RowKey") continue;
    if (["eq", "gt", "ge"].includes(comparison) && literal > filter.firstRowKey) {
      filter = { ...filter, firstRowKey: literal };
    }
    const isNarrower = filter.lastRowKey === undefined || literal < filter.lastRowKey;
    if (["eq", "lt", "le"].includes(comparison) && isNarrower) filter = { ...filter, lastRowKey: literal };
  }
  return filter;
}

/** What must hold in any case: the comparisons that no "or" and no "not" weakens. */
function conditionsOf(expression: Expression): (Expression & { kind: "compare" })[] {
  if (expression.kind === "compare") return [expression];
  return expression.kind === "and" ? expression.sides.flatMap(conditionsOf) : [];
}

function isTrue(expression: Expression, row: Row): boolean {
  switch (expression.kind) {
    case "and":
      return expression.sides.every((side) => isTrue(side, row));
    case "or":
      return expression.sides.some((side) => isTrue(side, row));
    case "not":
      return !isTrue(expression.inner, row);
    case "compare": {
      const order = orderOf(propertyOf(row, expression.name), expression.literal);
      return order !== undefined && COMPARISONS[expression.comparison](order);
    }
  }
}

function propertyOf(row: Row, name: string): Property | undefined {
  if (name === "PartitionKey") return row.partitionKey;
  if (name === "RowKey") return row.rowKey;
  if (name === "Timestamp") return new Date(row.timestamp);
  return row.properties.get(name);
}

/** `undefined` where the property is missing or of another type: no comparison is true then, not even "ne". */
function orderOf(value: Property | undefined, literal: Property): number | undefined {
  if (value instanceof Date && literal instanceof Date) return value.getTime() - literal.getTime();
  if (value === undefined || typeof value !== typeof literal || typeof value === "object") return undefined;
  if (value === literal) return 0;
  return value < literal ? -1 : 1;
}

const TOKEN =
  /\s*(?:(?<bracket>[()])|(?<date>datetime'[^']*')|'(?<text>(?:[^']|'')*)'|(?<long>-?\d+L)|(?<number>-?\d+(?:\.\d+)?)|(?<word>[A-Za-z_]\w*))/y;

interface Token {
  readonly bracket?: string;
  readonly word?: string;
  readonly literal?: Property;
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  const pattern = new RegExp(TOKEN);
  const end = text.trimEnd().length;
  while (pattern.lastIndex < end) {
    const groups = pattern.exec(text)?.groups;
    if (groups === undefined) throw badFilter(text);
    tokens.push(tokenOf(groups));
  }
  return tokens;
}

function tokenOf({ bracket, date, text, long, number, word }: Record<string, string | undefined>): Token {
  if (bracket !== undefined) return { bracket };
  if (text !== undefined) return { literal: text.replaceAll("''", "'") };
  if (date !== undefined) return { literal: new Date(date.slice("datetime'".length, -1)) };
  if (long !== undefined) return { literal: BigInt(long.slice(0, -1)) };
  if (number !== undefined) return { literal: Number(number) };
  if (word === "true" || word === "false") return { literal: word === "true" };
  return { word: word ?? "" };
}

/** "not" binds closest, then "and", then "or". */
function parse(text: string): Expression {
  const tokens = tokensOf(text);
  let position = 0;

  function take(matches: (token: Token) => boolean): boolean {
    const token = tokens[position];
    if (token === undefined || !matches(token)) return false;
    position += 1;
    return true;
  }

  function chain(kind: "and" | "or", operand: () => Expression): Expression {
    let left = operand();
    while (take(({ word }) => word === kind)) left = { kind, sides: [left, operand()] };
    return left;
  }

  const anyOf = (): Expression => chain("or", allOf);
  const allOf = (): Expression => chain("and", single);

  function single(): Expression {
    if (take(({ word }) => word === "not")) return { kind: "not", inner: single() };
    if (take(({ bracket }) => bracket === "(")) {
      const inner = anyOf();
      if (!take(({ bracket }) => bracket === ")")) throw badFilter(text);
      return inner;
    }
    const [name, comparison, literal] = tokens.slice(position, position + 3);
    if (name?.word === undefined || !isComparison(comparison?.word) || literal?.literal === undefined) {
      throw badFilter(text);
    }
    position += 3;
    return { kind: "compare", name: name.word, comparison: comparison.word, literal: literal.literal };
  }

  const expression = anyOf();
  if (position < tokens.length) throw badFilter(text);
  return expression;

  function isComparison(word: string | undefined): word is Comparison {
    return word !== undefined && Object.hasOwn(COMPARISONS, word);
  }
}

function badFilter(text: string): Error {
  const { badFilter: refusal } = TABLE_REFUSALS;
  return tableError({ ...refusal, message: `${refusal.message} ${text}` });
}
