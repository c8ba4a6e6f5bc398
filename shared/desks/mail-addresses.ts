import { domainToASCII } from "node:url";
import { addressParser } from "postal-mime";
import { encodeHeaderText, readEncodedWords } from "./header-text.ts";

export interface MailAddress {
  readonly name: string;
  readonly address: string;
}

/** What PHP's FILTER_VALIDATE_EMAIL takes, less addresses with an IP number. https://www.php.net/manual/filter.constants.php */
const ATOM = "[\\w!#$%&'*+/=?^`{|}~-]+";
const QUOTED = String.raw`"(?:[\x21\x23-\x5b\x5d-\x7e]|\\[\x20-\x7e])*"`;
const LOCAL = new RegExp(`^(?:${ATOM}|${QUOTED})(?:\\.(?:${ATOM}|${QUOTED}))*$`);
const DOMAIN = /^(?:[a-z0-9]+(?:-+[a-z0-9]+)*\.)+(?:[a-z][a-z0-9]*(?:-+[a-z0-9]+)*)$/i;
const LOCAL_LIMIT = 64;
const LABEL_LIMIT = 63;

/**
 * Reads the addresses of a header, those of groups among them.
 * @param text the header, its encoded words as they are: a name may have a comma in them
 */
export function readAddresses(text: string, charset: string | undefined): MailAddress[] {
  // The parser decodes words, and not as well.
  const words: string[] = [];
  const held = text.replace(/=\?[^?\s]+\?[bq]\?[^?]*\?=/gi, (word) => `\uE000${words.push(word) - 1}\uE001`);
  const nameOf = (name: string) => name.replace(/\uE000(\d+)\uE001/g, (_, index: string) => words[Number(index)] ?? "");
  return addressParser(held, { flatten: true }).map(({ name, address = "" }) => ({
    name: readEncodedWords(nameOf(name), charset)
      .text.replace(/[\s\p{Cc}]+/gu, " ")
      .trim(),
    address,
  }));
}

/** True where PHP takes it for an address. */
export function isPlainAddress(address: string): boolean {
  const at = address.lastIndexOf("@");
  const [local, domain] = [address.slice(0, at), address.slice(at + 1)];
  const isShort = local.length <= LOCAL_LIMIT && domain.split(".").every((label) => label.length <= LABEL_LIMIT);
  return at > 0 && isShort && LOCAL.test(local) && DOMAIN.test(domain);
}

/** The address in the form that PHP takes: its domain in ASCII, its left side quoted where it has to be. */
export function plainAddress(address: string): string | undefined {
  const at = address.lastIndexOf("@");
  const local = address.slice(0, at);
  const domain = domainToASCII(address.slice(at + 1).replace(/\.$/, ""));
  const plain = `${LOCAL.test(local) ? local : `"${local.replace(/["\\ ]/g, String.raw`\$&`)}"`}@${domain}`;
  return isPlainAddress(plain) ? plain : undefined;
}

/** One address of a header in ASCII. The name is in quotes before it is encoded, for readers that decode it first. */
export function writeAddress({ name, address }: MailAddress, newline: string): string {
  if (name === "") return `<${address}>`;
  return `${encodeHeaderText(`"${name.replace(/["\\]/g, "")}"`, newline)} <${address}>`;
}

/** Not more than so many code points, cut between characters as people see them. */
export function cutName(name: string, limit: number): string {
  let cut = "";
  let length = 0;
  for (const { segment } of new Intl.Segmenter().segment(name)) {
    length += [...segment].length;
    if (length > limit) break;
    cut += segment;
  }
  return cut;
}
