/** An error of Entra: what it says with which OAuth error. HTTP 401 for `invalid_client`, else 400, unless it says. */
interface KnownError {
  readonly error: string;
  readonly text: string;
  readonly status?: number;
  readonly suberror?: string;
  readonly claims?: string;
}

/** What an application passes to the sign-in so that the person is asked for a second factor. */
const SECOND_FACTOR_CLAIMS =
  '{"access_token":{"capolids":{"essential":true,"values":["6f1a3c5e-0000-4000-8000-1a2b3c4d5e6f"]}}}';

const secondFactor = (action: string) =>
  `Due to a configuration change made by your administrator, or because you moved to a new location, you must ${action} multi-factor authentication to access '00000003-0000-0000-c000-000000000000'.`;

const FEDERATION =
  "Check your federated identity credential Subject, Audience and Issuer against the presented assertion. " +
  "https://learn.microsoft.com/entra/workload-id/workload-identity-federation";

/**
 * The errors that the stand-in knows, by the number after "AADSTS".
 * https://learn.microsoft.com/entra/identity-platform/reference-error-codes; the wording follows real answers
 * that people quoted in public issues. `{placeholders}` are filled in by whoever raises the error.
 */
export const aadsts: Readonly<Record<number, KnownError>> = {
  // The request
  70003: { error: "unsupported_grant_type", text: "The app requested an unsupported grant type '{grantType}'." },
  70007: {
    error: "invalid_request",
    text: "'{mode}' is not a supported value of 'response_mode' when requesting a token.",
  },
  70011: {
    error: "invalid_scope",
    text: "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid.",
  },
  90014: {
    error: "invalid_request",
    text: "The required field '{name}' is missing from the credential. Ensure that you have all the necessary parameters for the login request.",
  },
  90124: {
    error: "invalid_request",
    text: "The required resource '{resource}' cannot be accessed through this endpoint.",
  },
  90002: {
    error: "invalid_request",
    text: "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.",
  },
  900144: { error: "invalid_request", text: "The request body must contain the following parameter: '{name}'." },
  900561: { error: "invalid_request", text: "The endpoint only accepts POST requests. Received a {method} request." },
  900971: { error: "invalid_request", text: "No reply address provided." },
  9002313: { error: "invalid_grant", text: "Invalid request. Request is malformed or invalid." },
  1002012: {
    error: "invalid_scope",
    text: "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).",
  },
  7000229: {
    error: "invalid_client",
    text: "The client application {clientId} is missing service principal in the tenant {tenant}. See instructions here: https://go.microsoft.com/fwlink/?linkid=2225119",
  },
  500014: {
    error: "invalid_resource",
    text: "The service principal for resource 'https://graph.microsoft.com' is disabled.",
  },
  500011: {
    error: "invalid_resource",
    text: "The resource principal named https://graph.microsoft.com was not found in the tenant named {tenant}.",
  },
  5000224: {
    error: "invalid_request",
    text: "We are sorry, this resource is not available. If you are seeing this message by mistake, please contact Microsoft support.",
  },
  650052: {
    error: "invalid_client",
    text: "The app is trying to access a service 'Microsoft Graph' that your organization '{tenant}' lacks a service principal for.",
  },
  650057: {
    error: "invalid_resource",
    text: "Invalid resource. The client has requested access to a resource which is not listed in the requested permissions in the client's application registration.",
  },
  650053: {
    error: "invalid_client",
    text: "The application '{application}' asked for scope '{scope}' that doesn't exist on the resource '00000003-0000-0000-c000-000000000000'. Contact the app vendor.",
  },
  700054: {
    error: "unsupported_response_type",
    text: "response_type '{responseType}' is not enabled for the application.",
  },

  // The application and its credential
  50011: {
    error: "invalid_request",
    text: "The redirect URI '{redirectUri}' specified in the request does not match the redirect URIs configured for the application '{clientId}'. Make sure the redirect URI sent in the request matches one added to your application in the Azure portal. Navigate to https://aka.ms/redirectUriMismatchError to learn more about how to troubleshoot this error.",
  },
  50194: {
    error: "invalid_request",
    text: "Application '{clientId}'({application}) is not configured as a multi-tenant application. Usage of the /{tenant} endpoint is not supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or configure the application to be multi-tenant.",
  },
  700016: {
    error: "unauthorized_client",
    text: "Application with identifier '{clientId}' was not found in the directory '{tenant}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.",
  },
  7000112: { error: "unauthorized_client", text: "Application '{clientId}'({application}) is disabled." },
  7000215: {
    error: "invalid_client",
    text: "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{clientId}'.",
  },
  7000218: {
    error: "invalid_client",
    text: "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
  },
  7000222: {
    error: "invalid_client",
    text: "The provided client secret keys for app '{clientId}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.",
  },
  700024: {
    error: "invalid_client",
    text: "Client assertion is not within its valid time range. Current time: {now}, assertion valid from {from}, expiry time of assertion {until}. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
  },
  700027: {
    error: "invalid_client",
    text: "{fault} [Reason - {reason}{key}, Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '{clientId}'. Review the documentation at https://docs.microsoft.com/en-us/graph/deployments to determine the corresponding service endpoint and https://docs.microsoft.com/en-us/graph/api/application-get?view=graph-rest-1.0&tabs=http to build a query request URL, such as 'https://graph.microsoft.com/beta/applications/{clientId}'].",
  },
  700021: {
    error: "invalid_client",
    text: "Client assertion application identifier doesn't match 'client_id' parameter. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
  },
  700023: {
    error: "invalid_client",
    text: "Client assertion audience claim does not match Realm issuer. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
  },
  50012: {
    error: "invalid_client",
    text: "Authentication failed. The client assertion was used before, or names no jti.",
  },
  50048: { error: "invalid_client", text: "Subject must match the issuer claim in the client assertion." },
  5002723: {
    error: "invalid_client",
    text: "Invalid JWT token. No certificate SHA-1 thumbprint, certificate SHA-256 thumbprint, nor keyId specified in token header.",
  },
  5002738: {
    error: "invalid_client",
    text: "Invalid JWT token. '{algorithm}' is not a supported signature algorithm. Supported signing algorithms are: '{known}'",
  },
  50027: { error: "invalid_request", text: "JWT token is invalid or malformed." },
  50166: { error: "invalid_request", text: "Request to External OIDC endpoint failed." },
  70021: {
    error: "invalid_request",
    text: "No matching federated identity record found for presented assertion. Assertion Issuer: '{issuer}'. Assertion Subject: '{subject}'. Assertion Audience: '{audience}'. https://learn.microsoft.com/entra/workload-id/workload-identity-federation",
  },
  700211: {
    error: "invalid_client",
    text: `No matching federated identity record found for presented assertion issuer '{issuer}'. ${FEDERATION}`,
  },
  700212: {
    error: "invalid_client",
    text: `No matching federated identity record found for presented assertion audience '{audience}'. ${FEDERATION}`,
  },
  700213: {
    error: "invalid_client",
    text: `No matching federated identity record found for presented assertion subject '{subject}'. ${FEDERATION}`,
  },
  7002138: {
    error: "invalid_client",
    text: `No matching federated identity record found for presented assertion subject '{subject}'. The subject matches with case-insensitive comparison, but not with case-sensitive comparison. ${FEDERATION}`,
  },

  // The code
  54005: {
    error: "invalid_grant",
    text: "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
  },
  500112: {
    error: "invalid_client",
    text: "The reply address '{redirectUri}' does not match the reply address '{expected}' provided when requesting Authorization code.",
  },
  501481: {
    error: "invalid_grant",
    text: "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
  },
  700005: {
    error: "invalid_grant",
    text: "The provided Authorization Code is intended to be used against other tenant, thus rejected.",
  },
  70008: {
    error: "invalid_grant",
    text: "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.",
  },

  // The refresh token
  70000: { error: "invalid_grant", text: "Provided grant is invalid or malformed." },
  700082: {
    error: "invalid_grant",
    text: "The refresh token has expired due to inactivity. The token was issued on {issuedAt} and was inactive for 90.00:00:00.",
    suberror: "bad_token",
  },
  50173: {
    error: "invalid_grant",
    text: "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password. The grant was issued on '{issuedAt}' and the TokensValidFrom date (before which tokens are not valid) for this user is '{validFrom}'.",
    suberror: "bad_token",
  },
  70043: {
    error: "invalid_grant",
    text: "The refresh token has expired or is invalid due to sign-in frequency checks by conditional access. The token was issued on {issuedAt} and the maximum allowed lifetime for this request is 86400.",
    suberror: "token_expired",
  },
  50132: {
    error: "invalid_grant",
    text: "The session is not valid due to password expiration or recent password change.",
    suberror: "bad_token",
  },
  50133: {
    error: "invalid_grant",
    text: "The session is not valid due to password expiration or recent password change.",
    suberror: "bad_token",
  },
  50089: { error: "invalid_grant", text: "Authentication failed due to flow token expired." },
  50196: {
    error: "invalid_grant",
    text: "The server terminated an operation because it encountered a client request loop. Please contact your app vendor.",
  },

  // Consent
  65001: {
    error: "invalid_grant",
    text: "The user or administrator has not consented to use the application with ID '{clientId}' named '{application}'. Send an interactive authorization request for this user and resource.",
    suberror: "consent_required",
  },
  65004: { error: "access_denied", text: "User declined to consent to access the app." },
  90094: {
    error: "access_denied",
    text: "{application} needs permission to access resources in your organization that only an admin can grant. Please ask an admin to grant permission to this app before you can use it.",
  },
  90095: {
    error: "access_denied",
    text: "Admin consent is required to access the application. A request for it was sent to your administrator.",
  },

  // The person
  50020: {
    error: "invalid_grant",
    text: "User account '{userName}' from identity provider 'https://sts.windows.net/{homeTenant}/' does not exist in tenant '{tenant}' and cannot access the application '{clientId}'({application}) in that tenant. The account needs to be added as an external user in the tenant first. Sign out and sign in again with a different Microsoft Entra user account.",
  },
  50034: {
    error: "invalid_grant",
    text: "The user account {userName} does not exist in the {tenant} directory. To sign into this application, the account must be added to the directory.",
  },
  50053: {
    error: "invalid_grant",
    text: "The account is locked, you've tried to sign in too many times with an incorrect user ID or password.",
  },
  50055: { error: "invalid_grant", text: "The password is expired.", suberror: "user_password_expired" },
  50057: { error: "invalid_grant", text: "The user account is disabled." },
  50058: { error: "login_required", text: "A silent sign-in request was sent but no user is signed in." },
  50105: {
    error: "invalid_grant",
    text: "Your administrator has configured the application {application} ('{clientId}') to block users unless they are specifically granted ('assigned') access to the application.",
  },
  50072: {
    error: "invalid_grant",
    text: secondFactor("enroll in"),
    suberror: "basic_action",
    claims: SECOND_FACTOR_CLAIMS,
  },
  50074: {
    error: "invalid_grant",
    text: "Strong Authentication is required.",
    suberror: "basic_action",
    claims: SECOND_FACTOR_CLAIMS,
  },
  50076: { error: "invalid_grant", text: secondFactor("use"), suberror: "basic_action", claims: SECOND_FACTOR_CLAIMS },
  50078: {
    error: "invalid_grant",
    text: "Presented multi-factor authentication has expired due to policies configured by your administrator, you must refresh your multi-factor authentication to access '00000003-0000-0000-c000-000000000000'.",
    suberror: "basic_action",
    claims: SECOND_FACTOR_CLAIMS,
  },
  50079: {
    error: "invalid_grant",
    text: secondFactor("enroll in"),
    suberror: "basic_action",
    claims: SECOND_FACTOR_CLAIMS,
  },

  // Conditional access and the tenant
  53000: {
    error: "invalid_grant",
    text: "Device is not in required device state: compliant.",
    suberror: "message_only",
    claims: SECOND_FACTOR_CLAIMS,
  },
  53003: {
    error: "invalid_grant",
    text: "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
    suberror: "message_only",
    claims: SECOND_FACTOR_CLAIMS,
  },
  530032: { error: "invalid_grant", text: "User blocked due to risk on home tenant." },

  // Entra itself
  90033: { error: "temporarily_unavailable", text: "A transient error has occurred. Please try again.", status: 503 },
  90055: {
    error: "temporarily_unavailable",
    text: "The server is unable to process the request because there were too many requests for this tenant.",
    status: 429,
  },
  50000: { error: "server_error", text: "There was an error issuing a token.", status: 500 },
};
