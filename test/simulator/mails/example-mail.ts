/** Whom the example mails are for. */
export const MAILBOX = "help@contoso.test";

export type MailHeaders = Readonly<Record<string, string | undefined>>;

let mails = 0;

/** A mail from a customer, but for the headers given here; `undefined` leaves one out. */
export function mailWith(headers: MailHeaders = {}, body = "Hello"): Buffer {
  mails += 1;
  const all = {
    From: "Ada <ada@customer.test>",
    To: MAILBOX,
    Subject: `Question ${mails}`,
    "Message-ID": `<mail-${mails}@customer.test>`,
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}\r\n`]));
  return Buffer.from(`${lines.join("")}\r\n${body}`, "latin1");
}
