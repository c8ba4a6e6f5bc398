/** What follows these in an address of Graph is an id, an address of mail or the name of a folder. */
const COLLECTIONS = ["users", "mailFolders", "childFolders", "messages", "attachments"];
/** Graph's own links are written as it likes, such as `mailfolders('inbox')`. */
const WRITTEN_AS = new Map(COLLECTIONS.map((name) => [name.toLowerCase(), name]));
/** What may follow a collection without being an id. */
const NO_IDS: ReadonlySet<string> = new Set(["delta", "$count"]);

/** The template of an address of Graph: `/users/{id}/messages/{id}/$value`. Its query is left out. */
export function graphRoute(url: string): string {
  const path = new URL(url).pathname.replace(/^\/v1\.0(?=\/)/, "").replace(/\('(?:[^']|'')*'\)/g, "/{id}");
  let before: string | undefined;
  const parts = path.split("/").map((part) => {
    const isId = before !== undefined && WRITTEN_AS.has(before) && !NO_IDS.has(part);
    before = isId ? undefined : part.toLowerCase();
    return isId ? "{id}" : (WRITTEN_AS.get(part.toLowerCase()) ?? part);
  });
  return parts.join("/");
}

/** The template of an address of Entra: `/{tenant}/oauth2/v2.0/token`. */
export function entraRoute(url: string): string {
  return new URL(url).pathname.replace(/^\/[^/]+/, "/{tenant}");
}

/**
 * What an SDK of Azure calls, in words: names of tables and of the parts of Key Vault, no keys and no names of secrets.
 * Every other address is named by nothing but its kind.
 */
export function azureRoute(address: string): string {
  const { hostname, pathname } = new URL(address);
  const secrets = /^\/(?:deleted)?secrets(?:\/|$)/.test(pathname);
  if (secrets) return pathname.startsWith("/deleted") ? "vault /deletedsecrets/{name}" : "vault /secrets/{name}";
  if (/\/\$batch$/.test(pathname)) return "table $batch";
  const table = /\/(Mailboxes|Grants|Ledger|Consents|Activity|Tables)(?:\(.*\))?$/.exec(
    decodeURIComponent(pathname),
  )?.[1];
  if (table !== undefined) return `table ${table}`;
  if (/\/mailbox-fetches(?:-poison)?(?:\/|$)/.test(pathname)) return "queue";
  if (/\/token\/?$/.test(pathname) || hostname === "169.254.169.254") return "identity token";
  return "azure";
}
