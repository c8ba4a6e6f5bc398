import type { TableServiceClientOptions } from "@azure/data-tables";

/** What every client of the Azure SDK takes to extend its pipeline. */
type Policies = NonNullable<TableServiceClientOptions["additionalPolicies"]>;

/**
 * Law 10: a pipeline policy that gives each attempt of an Azure SDK client this long; the SDKs themselves wait without end.
 * Each client tries up to four times.
 * @param timeoutMs for one attempt
 */
export function attemptTimeout(timeoutMs: number): Policies {
  const name = "deskpostTimeout";
  return [
    {
      position: "perRetry",
      policy: {
        name,
        sendRequest: (request, next) => {
          request.timeout = timeoutMs;
          return next(request);
        },
      },
    },
  ];
}
