/**
 * Two names of the browser that the types of @microsoft/microsoft-graph-client use and Node's types do not have.
 * https://github.com/microsoftgraph/msgraph-sdk-javascript/blob/dev/src/IContext.ts
 */
type HeadersInit = NonNullable<RequestInit["headers"]>;
type RequestInfo = string | Request;
