import { readMailHeader } from "./mail-header.ts";
import { partNames } from "./part-names.ts";

/** A file system takes no longer name. */
const FILE_NAME_LIMIT_BYTES = 255;
/** More would not be read. */
const NAMES_TOLD = 5;

/**
 * What UVdesk may have lost of a mail that it says to have: it keeps one file of each name, none whose name is too long
 * for its disk, and records none whose name is in eight bits that are no UTF-8.
 * @returns words for people; `undefined` where nothing is amiss
 */
export async function whatUvdeskMayLack(mail: Blob): Promise<string | undefined> {
  const names = await partNames(mail, (await readMailHeader(mail)).charset);
  const faults = [...new Set(names.map(({ name }) => name))].flatMap((name) => {
    const count = names.filter((other) => other.name === name).length;
    if (count > 1) return [`one file alone of the ${count} that are called “${short(name)}”`];
    if (Buffer.byteLength(name) > FILE_NAME_LIMIT_BYTES)
      return [`no file called “${short(name)}”, whose name is too long for its disk`];
    if (names.some((other) => other.name === name && !other.isSound))
      return [`no file called “${short(name)}”, whose name is in a charset that the mail does not tell`];
    return [];
  });
  if (faults.length === 0) return undefined;
  const told = faults.slice(0, NAMES_TOLD).join(", ");
  const more = faults.length > NAMES_TOLD ? `, and ${faults.length - NAMES_TOLD} more` : "";
  return `UVdesk may have kept ${told}${more}: look at the mail in the mailbox, which has all of them`;
}

function short(name: string): string {
  const characters = [...name];
  return characters.length > 60 ? `${characters.slice(0, 59).join("")}…` : name;
}
