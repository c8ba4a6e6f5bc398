/** The clouds that Microsoft 365 runs in. */
export type CloudName = "global" | "us-gov" | "us-dod" | "china";

export interface Cloud {
  readonly loginUrl: string;
  readonly graphUrl: string;
  /** Audience of a federated credential. */
  readonly federationAudience: string;
}

/**
 * Where each cloud signs people in and answers for Graph. Each has an app registration of its own.
 * https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud,
 * https://learn.microsoft.com/graph/deployments
 */
export const CLOUDS: Readonly<Record<CloudName, Cloud>> = {
  global: {
    loginUrl: "https://login.microsoftonline.com",
    graphUrl: "https://graph.microsoft.com",
    federationAudience: "api://AzureADTokenExchange",
  },
  "us-gov": {
    loginUrl: "https://login.microsoftonline.us",
    graphUrl: "https://graph.microsoft.us",
    federationAudience: "api://AzureADTokenExchangeUSGov",
  },
  "us-dod": {
    loginUrl: "https://login.microsoftonline.us",
    graphUrl: "https://dod-graph.microsoft.us",
    federationAudience: "api://AzureADTokenExchangeUSGov",
  },
  china: {
    loginUrl: "https://login.partner.microsoftonline.cn",
    graphUrl: "https://microsoftgraph.chinacloudapi.cn",
    federationAudience: "api://AzureADTokenExchangeChina",
  },
};
