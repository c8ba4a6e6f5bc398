/** What the browser carries back to the application when the sign-in is over. */
export interface Callback {
  readonly method: "GET" | "POST";
  /** The redirect URI; with `response_mode=query` the fields are in it. */
  readonly url: string;
  /** `code` and `state`, or `error` and what belongs to it. */
  readonly fields: URLSearchParams;
}

export interface PersonOptions {
  /** The account that the person picks. */
  readonly oid: string;
  /** What the person does on the consent page, if there is one. */
  readonly decision?: "accept" | "cancel";
}

/** The sign-in stopped at a page of Entra's; nothing goes to the application. */
export class StoppedAtPageError extends Error {
  override readonly name = "StoppedAtPageError";
  readonly status: number;
  readonly page: string;

  constructor(status: number, page: string) {
    super(`The sign-in stopped at the page "${/<h1>(.*?)<\/h1>/.exec(page)?.[1] ?? ""}"`);
    this.status = status;
    this.page = page;
  }
}

/** Clicks through the sign-in pages as a person would, without a browser, up to the way back to the application. */
export async function signIn(
  authorizationUrl: string | URL,
  { oid, decision = "accept" }: PersonOptions,
): Promise<Callback> {
  let response = await fetch(authorizationUrl, { redirect: "manual" });
  for (;;) {
    const location = response.headers.get("location");
    if (location !== null) return { method: "GET", url: location, fields: new URL(location).searchParams };
    const page = await response.text();
    const form = readForm(page);
    if (form === undefined || page.includes('role="alert"')) throw new StoppedAtPageError(response.status, page);
    if (page.includes('name="hiddenform"')) return { method: "POST", url: form.action, fields: form.fields };
    const address = new URL(form.action, response.url);
    if (page.includes('name="account"')) form.fields.set("account", oid);
    else if (page.includes('value="return"')) form.fields.set("decision", "return");
    else if (page.includes('name="decision"')) form.fields.set("decision", decision);
    else throw new StoppedAtPageError(response.status, page);
    response = await fetch(address, { method: "POST", body: form.fields, redirect: "manual" });
  }
}

/** The first form of a page with its hidden fields. */
function readForm(page: string): { readonly action: string; readonly fields: URLSearchParams } | undefined {
  const [form] = /<form [^>]*>.*?<\/form>/s.exec(page) ?? [];
  const action = /<form [^>]*action="([^"]*)"/.exec(form ?? "")?.[1];
  if (form === undefined || action === undefined) return undefined;
  const hidden = form.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g);
  const fields = new URLSearchParams();
  for (const [, name = "", value = ""] of hidden) fields.append(name, unescapeHtml(value));
  return { action: unescapeHtml(action), fields };
}

function unescapeHtml(text: string): string {
  return text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&");
}
