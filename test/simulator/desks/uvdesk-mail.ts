import PostalMime, { addressParser } from "postal-mime";

/** What UVdesk looks at in a mail. */
export interface UvdeskMail {
  /** The first usable address of From, or of Sender where there is no From. */
  readonly from: string | undefined;
  readonly replyTo: readonly string[];
  /** Whom UVdesk takes for the recipients; which headers count depends on its version. */
  readonly recipients: readonly string[];
  readonly subject: string;
  readonly messageId: string | undefined;
  readonly inReplyTo: string | undefined;
  readonly references: readonly string[];
  /** Says of itself that it is an automatic answer or list mail. */
  readonly isAutomatic: boolean;
}

export type UvdeskVersion = "1.1.3" | "1.1.4";

/** Reads the headers of a mail, of whatever was sent as a mail. Never throws. */
export async function readMail(bytes: Buffer, version: UvdeskVersion): Promise<UvdeskMail> {
  const { headers, subject = "" } = await PostalMime.parse(headersOf(bytes));
  // Where a header comes twice, PHP's mail parser takes the first.
  const header = (name: string) => headers.find(({ key }) => key === name)?.value.trim() || undefined;
  const addresses = (name: string) => addressesIn(header(name));

  const from = header("from") === undefined ? addresses("sender") : addresses("from");
  return {
    from: from.find(isAddress),
    replyTo: addresses("reply-to"),
    recipients: version === "1.1.3" ? allRecipients(addresses) : firstRecipients(addresses),
    subject,
    messageId: header("message-id"),
    inReplyTo: header("in-reply-to"),
    references: header("references")?.split(/\s+/) ?? [],
    isAutomatic:
      header("precedence") !== undefined ||
      header("x-autoreply") !== undefined ||
      header("x-autorespond") !== undefined ||
      header("auto-submitted") === "auto-replied",
  };
}

type AddressesOf = (header: string) => string[];

/** Since 1.1.4: Delivered-To alone counts where it exists, then X-Forwarded-To or To, then Cc. */
function firstRecipients(addresses: AddressesOf): string[] {
  for (const header of ["delivered-to", "x-forwarded-to", "to", "cc"]) {
    const found = addresses(header);
    if (found.length > 0) return found;
  }
  return [];
}

function allRecipients(addresses: AddressesOf): string[] {
  return ["to", "delivered-to", "cc"].flatMap(addresses);
}

function addressesIn(value: string | undefined): string[] {
  return addressParser(value ?? "", { flatten: true }).flatMap(({ address, name }) => {
    // "undisclosed-recipients" and the like: PHP reports a lone word as an address, too.
    const found = address || name;
    return found ? [found] : [];
  });
}

function isAddress(text: string): boolean {
  return /^[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+$/.test(text);
}

/** Up to the empty line: parsing a body of megabytes would tell nothing more. */
function headersOf(bytes: Buffer): Buffer {
  const ends = ["\r\n\r\n", "\n\n"].map((gap) => bytes.indexOf(gap)).filter((end) => end !== -1);
  return ends.length === 0 ? bytes : Buffer.concat([bytes.subarray(0, Math.min(...ends)), Buffer.from("\r\n\r\n")]);
}
