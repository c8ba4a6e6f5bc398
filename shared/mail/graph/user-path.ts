/**
 * How a path names a mailbox by its address, whatever characters the address has. One that begins with a dollar sign
 * would pass for a query option. https://learn.microsoft.com/graph/api/user-get
 */
export function userPath(address: string): string {
  if (!address.startsWith("$")) return `/users/${encodeURIComponent(address)}`;
  return `/users('${encodeURIComponent(address.replaceAll("'", "''"))}')`;
}
