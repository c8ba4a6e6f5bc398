/** The resource of a scope that names none. */
export const GRAPH_RESOURCE = "https://graph.microsoft.com";

export interface Permission {
  /** As the consent page words it. */
  readonly title: string;
  readonly explanation: string;
}

/**
 * The permissions that can be asked for, in the words of Microsoft's consent page.
 * https://learn.microsoft.com/graph/permissions-reference
 * https://learn.microsoft.com/entra/identity-platform/scopes-oidc
 */
const permissions: Readonly<Record<string, Permission>> = {
  openid: { title: "Sign you in", explanation: "Allows you to sign in to the app with your work or school account." },
  profile: {
    title: "View your basic profile",
    explanation: "Allows the app to see your basic profile (e.g., name, picture, user name, email address).",
  },
  email: { title: "View your email address", explanation: "Allows the app to read your primary email address." },
  offline_access: {
    title: "Maintain access to data you have given it access to",
    explanation:
      "Allows the app to see and update the data you gave it access to, even when you are not currently using the app. This does not give the app any additional permissions.",
  },
  "User.Read": {
    title: "Sign you in and read your profile",
    explanation:
      "Allows you to sign in to the app with your organizational account and let the app read your profile. It also allows the app to read basic company information.",
  },
  "Mail.ReadBasic": {
    title: "Read user basic mail",
    explanation:
      "Allows the app to read email in your mailbox, except for its body, body preview, attachments and any extended properties.",
  },
  "Mail.Read": { title: "Read your mail", explanation: "Allows the app to read email in your mailbox." },
  "Mail.ReadWrite": {
    title: "Read and write access to your mail",
    explanation:
      "Allows the app to create, read, update, and delete email in your mailbox. Does not include permission to send mail.",
  },
  "Mail.Send": { title: "Send mail as you", explanation: "Allows the app to send mail as you." },
  "Mail.Read.Shared": {
    title: "Read mail you can access",
    explanation: "Allows the app to read mail you can access, including shared mail.",
  },
  "Mail.ReadWrite.Shared": {
    title: "Read and write mail you can access",
    explanation:
      "Allows the app to create, read, update, and delete mail you have permission to access, including your own and shared mail. Does not include permission to send mail.",
  },
  "Mail.Send.Shared": {
    title: "Send mail on behalf of others or yourself",
    explanation: "Allows the app to send mail as you or on your behalf.",
  },
  "MailboxSettings.Read": {
    title: "Read your mailbox settings",
    explanation: "Allows the app to read your mailbox settings.",
  },
};

const namesInLowerCase = new Map(Object.keys(permissions).map((name) => [name.toLowerCase(), name]));

/** One word of a `scope` parameter. */
export interface Scope {
  /** As the client wrote it. */
  readonly asked: string;
  /** Microsoft's spelling, without the resource: "Mail.Read", "openid". */
  readonly name: string;
  /** `undefined` when Graph has no such permission; permissions of other resources are not known here. */
  readonly permission: Permission | undefined;
}

/** Reads a `scope` parameter. Scopes are compared without regard to case; a bare one belongs to Graph. */
export function parseScopes(parameter: string): readonly Scope[] {
  const words = parameter.split(" ").filter((word) => word !== "");
  return [...new Set(words)].map(parseScope);
}

function parseScope(asked: string): Scope {
  const [, resource = GRAPH_RESOURCE, bare = asked] = /^(\w+:\/\/[^/]+)\/(.+)$/.exec(asked) ?? [];
  const name = namesInLowerCase.get(bare.toLowerCase()) ?? bare;
  return {
    asked,
    name,
    permission: resource === GRAPH_RESOURCE ? permissions[name] : undefined,
  };
}
