import { html } from "hono/html";
import { type HtmlAnswer, htmlAnswer, type PageContext } from "./layout.ts";

/** A page for what went wrong. The message is ours and names the remedy. */
export function errorPage(status: number, message: string, context?: PageContext): Promise<HtmlAnswer> {
  const lines = message.split("\n").map((line) => html`<p>${line}</p>`);
  const body = html`<section class="card alarm" role="alert">${lines}</section>`;
  return htmlAnswer(status, context, { title: status >= 500 ? "This did not work" : "Not possible", body });
}
