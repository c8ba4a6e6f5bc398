import { type PersonOptions, signIn } from "../entra/entra-person.ts";
import { createCookieJar, siteOf } from "./cookie-jar.ts";

const MOST_REDIRECTS = 10;

/** A page as it came to the browser, after its redirects. */
export interface Page {
  readonly url: string;
  readonly status: number;
  readonly text: string;
}

/** A person at a browser of their own: it keeps cookies, follows redirects and posts forms. */
export interface Person {
  /** Types an address. */
  open(url: string | URL): Promise<Page>;
  /** Posts a form of the page that is open; without one, of a page at the address itself. */
  post(url: string | URL, fields?: Readonly<Record<string, string>>): Promise<Page>;
  /** Presses the button of a form of the page that is open, and sends the hidden fields along. */
  press(action: string, fields?: Readonly<Record<string, string>>): Promise<Page>;
  /**
   * Opens an address that leads to Microsoft, and goes through its pages. Gives Deskpost's last page.
   * @throws {StoppedAtPageError} when the sign-in ends at Microsoft
   */
  connect(url: string | URL): Promise<Page>;
  /** The same, for the sign-in to Deskpost's own pages. */
  signIn(pageUrl: string | URL): Promise<Page>;
  /** What the browser would send along, to play with. */
  cookies(url: string | URL): string | undefined;
}

/** The page that sends the browser somewhere. */
interface OpenPage {
  readonly url: URL;
  readonly referrerPolicy: string | undefined;
  readonly text?: string;
}

interface BrowserRequest {
  readonly method: "GET" | "POST";
  readonly body?: URLSearchParams;
  /** Without it, the person typed the address. */
  readonly from?: OpenPage;
}

/** @param signsIn which account the person picks at Microsoft, and what they decide there */
export function createPerson(signsIn: PersonOptions): Person {
  const jar = createCookieJar();
  let openPage: OpenPage | undefined;

  /** One request; redirects are the caller's. */
  async function request(url: URL, { method, body, from }: BrowserRequest): Promise<Response> {
    const cookie = jar.headerFor(url, { method, fromSite: from && siteOf(from.url) });
    const response = await fetch(url, {
      method,
      redirect: "manual",
      headers: {
        accept: "text/html",
        ...(cookie !== undefined && { cookie }),
        ...(method === "POST" && from && { origin: originOf(from) }),
      },
      ...(body && { body }),
    });
    jar.store(url, response.headers.getSetCookie());
    return response;
  }

  async function browse(address: string | URL, first: BrowserRequest): Promise<Page> {
    let url = new URL(address);
    let response = await request(url, first);
    for (let redirects = 0; redirects < MOST_REDIRECTS; redirects += 1) {
      const referrerPolicy = response.headers.get("referrer-policy") ?? undefined;
      const location = response.headers.get("location");
      if (location === null) {
        const text = await response.text();
        openPage = { url, referrerPolicy, text };
        return { url: url.href, status: response.status, text };
      }
      const from = { url, referrerPolicy };
      url = new URL(location, url);
      response = await request(url, { method: "GET", from });
    }
    throw new Error(`More than ${MOST_REDIRECTS} redirects, the last one to ${url}`);
  }

  function post(url: string | URL, fields: Readonly<Record<string, string>> | URLSearchParams = {}): Promise<Page> {
    const from = openPage ?? { url: new URL(url), referrerPolicy: undefined };
    return browse(url, { method: "POST", body: new URLSearchParams(fields), from });
  }

  /** Follows Deskpost's own redirects, and goes through Microsoft wherever they lead there. */
  async function throughMicrosoft(address: string | URL): Promise<Page> {
    let url = new URL(address);
    const { origin } = url;
    let next: BrowserRequest = { method: "GET" };
    for (let redirects = 0; redirects < MOST_REDIRECTS; redirects += 1) {
      const response = await request(url, next);
      const location = response.headers.get("location");
      if (location === null) {
        const text = await response.text();
        openPage = { url, referrerPolicy: response.headers.get("referrer-policy") ?? undefined, text };
        return { url: url.href, status: response.status, text };
      }
      const target = new URL(location, url);
      if (target.origin === origin) {
        const referrerPolicy = response.headers.get("referrer-policy") ?? undefined;
        next = { method: "GET", from: { url, referrerPolicy } };
        url = target;
        continue;
      }
      const { method, url: back, fields } = await signIn(target, signsIn);
      const from = { url: target, referrerPolicy: undefined };
      next = method === "GET" ? { method, from } : { method, body: fields, from };
      url = new URL(back);
    }
    throw new Error(`More than ${MOST_REDIRECTS} redirects, the last one to ${url}`);
  }

  return {
    open: (url) => browse(url, { method: "GET" }),
    post,
    press: (action, fields = {}) => {
      const forms = openPage?.text?.match(/<form\b.*?<\/form>/gs) ?? [];
      const form = forms.find((text) => text.includes(`action="${action}"`));
      if (form === undefined) throw new Error(`The page ${openPage?.url} has no form for ${action}`);
      const hidden = form.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g);
      return post(action, { ...Object.fromEntries([...hidden].map(([, name, value]) => [name, value])), ...fields });
    },
    connect: throughMicrosoft,
    signIn: throughMicrosoft,
    cookies: (url) => jar.headerFor(new URL(url), { method: "GET", fromSite: undefined }),
  };
}

/**
 * What browsers send as `Origin` with a form that is posted; with the policy no-referrer they keep it to themselves.
 * https://fetch.spec.whatwg.org/#append-a-request-origin-header
 */
function originOf({ url, referrerPolicy }: OpenPage): string {
  return referrerPolicy === "no-referrer" ? "null" : url.origin;
}
