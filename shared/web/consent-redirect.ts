import type { ConsentStart } from "../tokens/consent.ts";
import { redirectTo, type WebAnswer } from "./layout.ts";
import { hostCookie } from "./session/host-cookie.ts";

/** Sends the browser to Microsoft, with the cookie that binds the answer to it. */
export function consentRedirect({ location, cookie }: ConsentStart): WebAnswer {
  const { name, value, maxAgeSeconds } = cookie;
  // Microsoft's answer is a form posted from another site, so the cookie must be SameSite=None.
  return redirectTo(location.href, [hostCookie(name, value, { sameSite: "None", maxAgeSeconds })]);
}
